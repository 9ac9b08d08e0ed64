"""Store uploaded files in the database in chunks, as web server and worker may share no disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO

from sqlalchemy import delete, insert, select

from app.extensions import db
from app.features.imports.models import ImportChunk
from app.features.imports.services.deciding import ImportPlan
from app.features.imports.services.files import Record, records
from app.features.imports.services.rows import Row, batches

CHUNK = 512 * 1024  # bytes


def store(import_id: int, file: BinaryIO) -> None:
    """Store a file; the caller commits."""
    file.seek(0)
    for number in count():
        data = file.read(CHUNK)
        if not data:
            return
        db.session.execute(
            insert(ImportChunk), [{"import_id": import_id, "number": number, "data": data}]
        )


def drop(import_id: int) -> None:
    """Delete a file; the caller commits."""
    db.session.execute(
        delete(ImportChunk).where(ImportChunk.import_id == import_id),
        execution_options={"synchronize_session": False},
    )


def is_kept(import_id: int) -> bool:
    query = select(ImportChunk.number).where(ImportChunk.import_id == import_id).limit(1)
    return db.session.scalar(query) is not None


def copied(import_id: int) -> IO[bytes]:
    """Return a copy of a stored file, on disk if it is large. The caller closes it."""
    file = SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 - closed by the caller
    for block in _blocks(import_id):
        file.write(block)
    file.seek(0)
    return file


def stored_records(
    import_id: int, encoding: str, delimiter: str, *, has_header: bool
) -> Iterator[Record]:
    """Yield the records of a stored file without its header, one chunk in memory at a time."""
    found = records(_blocks(import_id), encoding, delimiter)
    if has_header:
        next(found, None)
    return found


def stored_rows(plan: ImportPlan) -> Iterator[list[Row]]:
    """Yield the rows of a stored file in batches."""
    found = stored_records(plan.id, plan.encoding, plan.delimiter, has_header=plan.has_header)
    return batches(found, plan.mapping, plan.width)


def _blocks(import_id: int) -> Iterator[bytes]:
    for number in count():
        query = select(ImportChunk.data).where(
            ImportChunk.import_id == import_id, ImportChunk.number == number
        )
        data = db.session.scalar(query)
        # End the transaction, so it blocks nobody while the chunk is processed.
        db.session.commit()
        if data is None:
            return
        yield data
