"""Import rows from CSV: upload, columns, check, and a run that can be stopped and resumed.

A feature declares a `CsvImport` with its table, or derives an `ImportKind` with rules of its own.
"""

from app.kit.imports.checking import MOST_PROBLEMS
from app.kit.imports.encodings import ENCODINGS, Unreadable
from app.kit.imports.kinds import ImportKind, NotAllowed, kind_of, register
from app.kit.imports.lifecycle import (
    JOB_TIMEOUT,
    NoKeyColumn,
    cancel,
    choose,
    delete,
    go_on,
    purge,
    read_as,
    run,
)
from app.kit.imports.models import ImportState
from app.kit.imports.results import problems_file, results_file, sample_file
from app.kit.imports.tables import imports_table, problems_table
from app.kit.imports.uploads import (
    MOST_UNFINISHED,
    FileGone,
    TooManyUnfinished,
    preview,
    upload,
)
from app.kit.imports.working import work

__all__ = [
    "ENCODINGS",
    "JOB_TIMEOUT",
    "MOST_PROBLEMS",
    "MOST_UNFINISHED",
    "FileGone",
    "ImportKind",
    "ImportState",
    "NoKeyColumn",
    "NotAllowed",
    "TooManyUnfinished",
    "Unreadable",
    "cancel",
    "choose",
    "delete",
    "go_on",
    "imports_table",
    "kind_of",
    "preview",
    "problems_file",
    "problems_table",
    "purge",
    "read_as",
    "register",
    "results_file",
    "run",
    "sample_file",
    "upload",
    "work",
]
