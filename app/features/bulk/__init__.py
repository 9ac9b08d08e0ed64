"""Apply one action to many users: preview, confirm, then run in batches that can be resumed."""

from app.features.bulk.services.actions import ACTIONS, REASONS, STOP_REASONS, Action
from app.features.bulk.services.batches import run, run_some
from app.features.bulk.services.operations import (
    AT_ONCE,
    JOB_TIMEOUT,
    NotOpen,
    NotYours,
    QueueAway,
    begin_again,
    confirm,
    get,
    go_on,
    is_short,
    is_stalled,
    purge,
    recent,
    stop,
)
from app.features.bulk.services.previews import (
    MOST_PICKED,
    NobodyChosen,
    PreviewSample,
    chosen_users,
    left_out,
    preview,
)
from app.features.bulk.services.results import result_file

__all__ = [
    "ACTIONS",
    "AT_ONCE",
    "JOB_TIMEOUT",
    "MOST_PICKED",
    "REASONS",
    "STOP_REASONS",
    "Action",
    "NobodyChosen",
    "NotOpen",
    "NotYours",
    "PreviewSample",
    "QueueAway",
    "begin_again",
    "chosen_users",
    "confirm",
    "get",
    "go_on",
    "is_short",
    "is_stalled",
    "left_out",
    "preview",
    "purge",
    "recent",
    "result_file",
    "run",
    "run_some",
    "stop",
]
