"""Importing people from CSV: upload, check, and a run that can stop and go on anywhere."""

from app.services.imports.checking import MOST_PROBLEMS
from app.services.imports.columns import FIELDS
from app.services.imports.encodings import ENCODINGS
from app.services.imports.lifecycle import (
    AT_ONCE,
    JOB_TIMEOUT,
    NoEmailColumn,
    NotOpen,
    NotYours,
    cancel,
    choose,
    delete,
    go_on,
    is_short,
    is_stalled,
    purge,
    read_as,
    run,
)
from app.services.imports.results import (
    problems,
    problems_file,
    recent,
    results_file,
    sample_file,
)
from app.services.imports.unreadable import Unreadable
from app.services.imports.uploads import (
    MOST_UNFINISHED,
    FileGone,
    TooManyUnfinished,
    preview,
    upload,
)
from app.services.imports.working import work

__all__ = [
    "AT_ONCE",
    "ENCODINGS",
    "FIELDS",
    "JOB_TIMEOUT",
    "MOST_PROBLEMS",
    "MOST_UNFINISHED",
    "FileGone",
    "NoEmailColumn",
    "NotOpen",
    "NotYours",
    "TooManyUnfinished",
    "Unreadable",
    "cancel",
    "choose",
    "delete",
    "go_on",
    "is_short",
    "is_stalled",
    "preview",
    "problems",
    "problems_file",
    "purge",
    "read_as",
    "recent",
    "results_file",
    "run",
    "sample_file",
    "upload",
    "work",
]
