"""Import users from CSV: upload, check, and a run that can be stopped and resumed."""

from app.features.imports.services.checking import MOST_PROBLEMS
from app.features.imports.services.columns import FIELDS
from app.features.imports.services.encodings import ENCODINGS
from app.features.imports.services.inviting import is_open as may_invite
from app.features.imports.services.lifecycle import (
    JOB_TIMEOUT,
    NoEmailColumn,
    cancel,
    choose,
    delete,
    go_on,
    purge,
    read_as,
    run,
)
from app.features.imports.services.results import (
    problems,
    problems_file,
    recent,
    results_file,
    sample_file,
)
from app.features.imports.services.unreadable import Unreadable
from app.features.imports.services.uploads import (
    MOST_UNFINISHED,
    FileGone,
    TooManyUnfinished,
    preview,
    upload,
)
from app.features.imports.services.working import work

__all__ = [
    "ENCODINGS",
    "FIELDS",
    "JOB_TIMEOUT",
    "MOST_PROBLEMS",
    "MOST_UNFINISHED",
    "FileGone",
    "NoEmailColumn",
    "TooManyUnfinished",
    "Unreadable",
    "cancel",
    "choose",
    "delete",
    "go_on",
    "may_invite",
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
