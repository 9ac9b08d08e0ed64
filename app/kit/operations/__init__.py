"""Run long work in batches that can be stopped, resumed, and killed without doing anything twice.

`lifecycle` and `owners` serve every long operation. `previews`, `bulk` and `results` serve one
action on many rows, of which a `Kind` says what it does. `tables` has the kind of declared tables.
"""

from app.kit.operations.bulk import (
    begin_again,
    confirm,
    go_on,
    purge,
    run,
    run_some,
    stop,
)
from app.kit.operations.kinds import BatchOutcome, Kind, Stop, kind_of, register
from app.kit.operations.lifecycle import NotOpen, NotYours, Overtaken, QueueAway, is_short
from app.kit.operations.models import (
    LEFT_OUT,
    BulkColumns,
    ItemColumns,
    LongOperation,
    OperationState,
)
from app.kit.operations.previews import MOST_PICKED, NothingChosen, PreviewSample
from app.kit.operations.results import result_file

__all__ = [
    "LEFT_OUT",
    "MOST_PICKED",
    "BatchOutcome",
    "BulkColumns",
    "ItemColumns",
    "Kind",
    "LongOperation",
    "NotOpen",
    "NotYours",
    "NothingChosen",
    "OperationState",
    "Overtaken",
    "PreviewSample",
    "QueueAway",
    "Stop",
    "begin_again",
    "confirm",
    "go_on",
    "is_short",
    "kind_of",
    "purge",
    "register",
    "result_file",
    "run",
    "run_some",
    "stop",
]
