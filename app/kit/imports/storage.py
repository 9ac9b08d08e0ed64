"""Store uploaded files in the database in chunks, as web server and worker may share no disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO

from sqlalchemy import delete, insert, select

from app.extensions import db
from app.kit.imports.files import Record, records
from app.kit.imports.kinds import ImportPlan
from app.kit.imports.lines import batches
from app.kit.imports.models import ChunkColumns

Chunks = type[ChunkColumns]

CHUNK = 512 * 1024  # bytes


def store(chunk: Chunks, import_id: int, file: BinaryIO) -> None:
    """Store a file; the caller commits."""
    file.seek(0)
    for number in count():
        data = file.read(CHUNK)
        if not data:
            return
        db.session.execute(
            insert(chunk), [{"import_id": import_id, "number": number, "data": data}]
        )


def drop(chunk: Chunks, import_id: int) -> None:
    """Delete a file; the caller commits."""
    db.session.execute(
        delete(chunk).where(chunk.import_id == import_id),
        execution_options={"synchronize_session": False},
    )


def is_kept(chunk: Chunks, import_id: int) -> bool:
    query = select(chunk.number).where(chunk.import_id == import_id).limit(1)
    return db.session.scalar(query) is not None


def copied(chunk: Chunks, import_id: int) -> IO[bytes]:
    """Return a copy of a stored file, on disk if it is large. The caller closes it."""
    file = SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 - closed by the caller
    for block in _blocks(chunk, import_id):
        file.write(block)
    file.seek(0)
    return file


def stored_records(
    chunk: Chunks, import_id: int, encoding: str, delimiter: str, *, has_header: bool
) -> Iterator[Record]:
    """Yield the records of a stored file without its header, one chunk in memory at a time."""
    found = records(_blocks(chunk, import_id), encoding, delimiter)
    if has_header:
        next(found, None)
    return found


def stored_rows(plan: ImportPlan) -> Iterator[list[Any]]:
    """Yield the rows of a stored file in batches."""
    found = stored_records(
        plan.model.chunk, plan.id, plan.encoding, plan.delimiter, has_header=plan.has_header
    )
    return batches(plan.kind, found, plan.mapping, plan.width)


def _blocks(chunk: Chunks, import_id: int) -> Iterator[bytes]:
    for number in count():
        query = select(chunk.data).where(chunk.import_id == import_id, chunk.number == number)
        data = db.session.scalar(query)
        # End the transaction, so it blocks nobody while the chunk is processed.
        db.session.commit()
        if data is None:
            return
        yield data
