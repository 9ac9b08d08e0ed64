"""Store the files that belong to the rows of a table, and delete them with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import BinaryIO, cast

from sqlalchemy import select
from werkzeug.datastructures import FileStorage

from app.extensions import db
from app.kit.storage.files import drop, save
from app.kit.storage.models import StoredFile


def save_uploads(
    kinds: Mapping[str, str], uploads: Mapping[str, FileStorage | None], *, most: int
) -> dict[str, int | None]:
    """Store new files of a row, and return the ids that its columns get.

    `kinds` and `uploads` have the columns as keys. None in place of an upload removes the file that
    is there. Ends the transaction if there is an upload. Raises TooLarge, FileRefused and Away.
    """
    ids: dict[str, int | None] = {}
    for column, upload in uploads.items():
        ids[column] = None
        if upload:
            stream, name = cast(BinaryIO, upload.stream), upload.filename or ""
            ids[column] = save(kinds[column], stream, most=most, file_name=name).id
    return ids


def drop_ids(ids: Iterable[int | None]) -> int:
    """Delete files by their ids, as `drop` does. Call this after the commit, too."""
    wanted = [one for one in ids if one is not None]
    if not wanted:
        return 0
    return drop(db.session.scalars(select(StoredFile).where(StoredFile.id.in_(wanted))).all())
