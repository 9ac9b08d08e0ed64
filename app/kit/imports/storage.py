"""Store uploaded files in the database in chunks, as web server and worker may share no disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO

from sqlalchemy import delete, insert, select

from app.extensions import db
from app.kit.imports.files import Record, records
from app.kit.imports.kinds import kind_of
from app.kit.imports.lines import batches
from app.kit.imports.models import ImportColumns

CHUNK = 512 * 1024  # bytes


def store(row: ImportColumns, file: BinaryIO) -> None:
    """Store the file of an import; the caller commits."""
    file.seek(0)
    for number in count():
        data = file.read(CHUNK)
        if not data:
            return
        chunk = {"import_id": row.id, "number": number, "data": data}
        db.session.execute(insert(row.chunk), [chunk])


def drop(row: ImportColumns) -> None:
    """Delete the file of an import; the caller commits."""
    db.session.execute(
        delete(row.chunk).where(row.chunk.import_id == row.id),
        execution_options={"synchronize_session": False},
    )


def is_kept(row: ImportColumns) -> bool:
    query = select(row.chunk.number).where(row.chunk.import_id == row.id).limit(1)
    return db.session.scalar(query) is not None


def copied(row: ImportColumns) -> IO[bytes]:
    """Return a copy of a stored file, on disk if it is large. The caller closes it."""
    file = SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 - closed by the caller
    for block in _blocks(row):
        file.write(block)
    file.seek(0)
    return file


def records_of(row: ImportColumns) -> Iterator[Record]:
    """Yield the records of a stored file with its header, one chunk in memory at a time."""
    return records(_blocks(row), row.encoding, row.delimiter)


def records_below_header(row: ImportColumns) -> Iterator[Record]:
    return islice(records_of(row), int(row.has_header), None)


def stored_rows(row: ImportColumns) -> Iterator[list[Any]]:
    """Yield the rows of a stored file in batches."""
    return batches(kind_of(row), records_below_header(row), row.mapping, len(row.columns))


def _blocks(row: ImportColumns) -> Iterator[bytes]:
    chunk, import_id = row.chunk, row.id
    for number in count():
        query = select(chunk.data).where(chunk.import_id == import_id, chunk.number == number)
        data = db.session.scalar(query)
        # End the transaction, so it blocks nobody while the chunk is processed.
        db.session.commit()
        if data is None:
            return
        yield data
