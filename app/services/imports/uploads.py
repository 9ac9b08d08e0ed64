"""Taking in a file of people, and showing how it begins."""

from __future__ import annotations

import re
from typing import BinaryIO

from flask import current_app

from app.extensions import db
from app.models import PeopleImport, Role, User
from app.models.people_import import ImportMode
from app.services import authority, registration
from app.services.imports import columns, storage
from app.services.imports.files import BLOCK, Unreadable, describe
from app.services.typed import visible

MEGABYTE = 1024 * 1024


class FileGone(Exception):
    """The file has been imported, or was deleted because it lay about for long."""


def upload(file: BinaryIO, *, name: str, by: User) -> PeopleImport:
    """Keep a file of people, once it is known that one can be imported. Raises Unreadable."""
    # A large file takes seconds to read, and on SQLite nobody else could write meanwhile.
    db.session.commit()
    size = _size_of(file)
    found = describe(file)
    row = PeopleImport(
        actor_id=by.id,
        actor_label=by.email,
        file_name=_shown_name(name),
        size=size,
        encoding=found.encoding,
        delimiter=found.delimiter,
        has_header=found.has_header,
        columns=found.columns,
        lines=found.lines,
        mapping=columns.guess(found.columns if found.has_header else [], found.sample)
        or columns.guess(found.columns, found.sample),
        mode=ImportMode.INVITE if registration.takes_invitations() else ImportMode.CREATE,
        role_id=_default_role_id(by),
    )
    db.session.add(row)
    db.session.flush()
    storage.store(row.id, file)
    db.session.commit()
    return row


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
    # A browser may send the whole path.
    last = re.split(r"[/\\]", name)[-1]
    return visible(last, allowed="").strip()[-255:] or "people.csv"


def _default_role_id(by: User) -> int | None:
    role = Role.get_default()
    if role is not None and authority.covers(by, role.permissions):
        return role.id
    return None


def preview(row: PeopleImport, lines: int = 5) -> list[list[str]]:
    """Return the cells of the first lines below the header. Raises FileGone."""
    records = storage.stored_records(row.id, row.encoding, row.delimiter, has_header=row.has_header)
    width = len(row.columns)
    shown = [
        [visible(cell, allowed="\n")[:100] for cell in record.cells[:width]]
        for record, _ in zip(records, range(lines), strict=False)
    ]
    if not shown:
        raise FileGone
    return [cells + [""] * (width - len(cells)) for cells in shown]
