"""Store an uploaded file, and preview its first lines."""

from __future__ import annotations

from itertools import islice
from typing import Any, BinaryIO, cast

from flask import current_app
from sqlalchemy import and_, delete, func, select

from app.extensions import db
from app.kit.audit.event import Actor
from app.kit.database.turns import take_turns
from app.kit.imports import columns, storage
from app.kit.imports.encodings import BLOCK, DAMAGED, Unreadable
from app.kit.imports.files import Description, describe
from app.kit.imports.kinds import ImportKind, kind_of
from app.kit.imports.models import ImportColumns, ImportState
from app.kit.user_input import visible

MEGABYTE = 1024 * 1024
SEARCHED = 2_000  # lines that a preview reads


# Unfinished files stay in the database, and each may be large. The oldest idle files are deleted
# to make room for a new one.
MOST_UNFINISHED = 5


class TooManyUnfinished(Exception):
    """The user already has the maximum number of unfinished imports, and too few are idle."""


class FileGone(Exception):
    """The file is no longer stored: it was imported, or deleted because of its age."""


def upload(kind: ImportKind, file: BinaryIO, *, name: str, by: Actor) -> Any:
    """Check that a file can be imported, and store it.

    Raises Unreadable and TooManyUnfinished.
    """
    # Reading a large file takes seconds. On SQLite, an open transaction would block writers.
    db.session.commit()
    size = _size_of(file)
    found = describe(kind, file)
    model: Any = kind.model
    row = model(
        actor_id=by.id,
        actor_label=by.email,
        file_name=_shown_name(name) or kind.file_name,
        size=size,
        encoding=found.encoding,
        delimiter=found.delimiter,
        has_header=found.has_header,
        columns=found.columns,
        lines=found.lines,
        mapping=_guess(kind, found),
        **kind.defaults(by=by),
    )
    db.session.add(row)
    db.session.flush()
    storage.store(row, file)
    _make_room(row, by)
    db.session.commit()
    return row


def read_as(row: ImportColumns, encoding: str) -> None:
    """Describe the stored file in another encoding, and guess its columns again.

    The caller locks the row and commits. Raises Unreadable and FileGone.
    """
    kind = kind_of(row)
    with storage.copied(row) as file:
        if not file.read(1):
            raise FileGone
        found = describe(kind, cast("BinaryIO", file), encoding)
    row.encoding, row.delimiter = found.encoding, found.delimiter
    row.has_header, row.columns, row.lines = found.has_header, found.columns, found.lines
    row.mapping = _guess(kind, found)


def _guess(kind: ImportKind, found: Description) -> dict[str, int]:
    named = columns.guess(kind, found.columns if found.has_header else [], found.sample)
    return named or columns.guess(kind, found.columns, found.sample)


def _make_room(new: ImportColumns, by: Actor) -> None:
    """Delete the oldest idle imports of `by` if there are too many. Raises TooManyUnfinished."""
    model = type(new)
    take_turns(f"import\0{by.id}")  # Each upload of a user counts the others.
    unfinished = and_(model.actor_id == by.id, model.state != ImportState.FINISHED)
    count = db.session.scalar(select(func.count()).select_from(model).where(unfinished))
    too_many = (count or 0) - MOST_UNFINISHED
    if too_many <= 0:
        return
    is_idle = model.started_at.is_(None) & (model.state != ImportState.CHECKING)
    oldest = select(model.id).where(unfinished, is_idle, model.id != new.id).order_by(model.id)
    # A locked import is in use at the moment, so it is not idle.
    ids = db.session.scalars(oldest.limit(too_many).with_for_update(skip_locked=True)).all()
    if len(ids) < too_many:
        db.session.rollback()
        raise TooManyUnfinished
    db.session.execute(
        delete(model).where(model.id.in_(ids)),
        execution_options={"synchronize_session": False},
    )


def _size_of(file: BinaryIO) -> int:
    most = current_app.config["IMPORT_MAX_MEGABYTES"]
    size = 0
    file.seek(0)
    while block := file.read(BLOCK):
        size += len(block)
        if size > most * MEGABYTE:
            raise Unreadable(f"The file is larger than {most} MB. Import it in parts.")
    return size


def _shown_name(name: str) -> str:
    # Some browsers send the whole path.
    last = name.replace("\\", "/").rpartition("/")[2]
    return visible(last, allowed="").strip()[-255:]


def preview(row: ImportColumns, lines: int = 5) -> list[list[str]]:
    """Return the cells of the first lines below the header, and of some non-ASCII lines.

    The non-ASCII lines show whether the encoding is right. Raises FileGone.
    """
    records = storage.records_below_header(row)
    width = len(row.columns)
    cells = (record.cells[:width] for record in islice(records, SEARCHED))
    shown = list(islice(cells, lines))
    if not shown:
        raise FileGone
    shown += islice((each for each in cells if not "".join(each).isascii()), lines)
    return [[_shown(cell) for cell in each] + [""] * (width - len(each)) for each in shown]


def _shown(cell: str) -> str:
    return visible(DAMAGED.sub("\ufffd", cell), allowed="\n")[:100]
