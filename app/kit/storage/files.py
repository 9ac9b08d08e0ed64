"""Save, open and delete files."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from io import BytesIO
from typing import BinaryIO

from sqlalchemy import delete, select, update

from app.extensions import db
from app.kit.database import now
from app.kit.name_rule import TURNING
from app.kit.storage.backend import Away, backend
from app.kit.storage.bucket import Bucket
from app.kit.storage.content import head_of, type_of
from app.kit.storage.models import StoredFile
from app.kit.storage.registry import kinds
from app.kit.user_input import visible

logger = logging.getLogger(__name__)

TO_UPLOAD = timedelta(minutes=15)


class FileRefused(Exception):
    """The file is not stored. The message says why, in a sentence."""


class TooLarge(FileRefused):
    """The file is larger than its kind may be."""


def save(kind: str, stream: BinaryIO, *, most: int, file_name: str = "") -> StoredFile:
    """Store an uploaded file of at most `most` bytes, with the type that its content has.

    Ends the transaction, as `save_parts` does. Raises TooLarge, FileRefused and Away.
    """
    size = stream.seek(0, os.SEEK_END)
    ensure_size(size, most)
    content_type = type_of(head_of(stream))
    stream.seek(0)
    return _save(kind, {"": (stream, size)}, content_type=content_type, file_name=file_name)


def save_parts(kind: str, parts: Mapping[str, bytes], *, content_type: str) -> StoredFile:
    """Store the renditions of a file under one key, and return its row.

    Commits the row before it writes: no transaction waits for a slow disk or bucket, and a crash
    leaves a row that the nightly clean-up finds. The caller refers to the row within a day. Raises
    Away, and the row is found in the same way.
    """
    streams: dict[str, tuple[BinaryIO, int]] = {
        part: (BytesIO(content), len(content)) for part, content in parts.items()
    }
    return _save(kind, streams, content_type=content_type)


def _save(
    kind: str,
    streams: Mapping[str, tuple[BinaryIO, int]],
    *,
    content_type: str,
    file_name: str = "",
) -> StoredFile:
    file = announce(
        kind,
        parts=list(streams),
        size=sum(size for _, size in streams.values()),
        content_type=content_type,
        file_name=file_name,
    )
    keys = {part: file.key_of(part) for part in streams}
    db.session.commit()  # reading the key has begun a transaction
    for part, (stream, size) in streams.items():
        backend().put(keys[part], stream, size, content_type)
    return file


def announce(
    kind: str, *, parts: list[str], size: int, content_type: str, file_name: str
) -> StoredFile:
    """Commit the row of a file that is about to be written. Raises ValueError for other kinds."""
    if kind not in kinds():
        raise ValueError(f"{kind} is no kind of files: register it with storage.kind.")
    file = StoredFile(
        kind=kind,
        key=f"{kind}/{secrets.token_hex(16)}",
        parts=parts,
        size=size,
        content_type=content_type,
        file_name=_stored_name(file_name),
    )
    db.session.add(file)
    db.session.commit()
    return file


def _stored_name(name: str) -> str:
    """Return the end of a name without NUL, which PostgreSQL refuses, and in one direction."""
    shown = "".join(one for one in visible(name, allowed="") if one not in TURNING)
    return shown[-255:]


def ensure_size(size: int, most: int) -> None:
    """Raise FileRefused for an empty file, and TooLarge for one of more than `most` bytes."""
    if size <= 0:
        raise FileRefused("The file is empty.")
    if size > most:
        raise TooLarge(f"The file is larger than {most / 1024 / 1024:g} MB.")


def by_name(kind: str, name: str) -> StoredFile | None:
    """Return the file with a generated name, or None."""
    if not name.isascii() or not name.isalnum():
        return None
    has_name = StoredFile.key == f"{kind}/{name}"
    return db.session.scalar(select(StoredFile).where(has_name, StoredFile.kind == kind))


def open_key(key: str) -> BinaryIO:
    """Open the file with a key of a row. The caller closes it. Raises Missing and Away."""
    return backend().get(key)


def drop(files: Iterable[StoredFile]) -> int:
    """Delete files and their rows, and return the number. Commits.

    Call this after the commit that ends the references. A file that cannot be deleted now keeps its
    row, so the nightly clean-up tries again. A browser that still has a URL for its upload may send
    the file anew, so that row stays too, as one without parts.
    """
    files = list(files)
    keys = {file.id: [file.key_of(part) for part in file.parts or [""]] for file in files}
    new = {file.id for file in files if _may_arrive_again(file)}
    db.session.commit()  # nobody waits for the bucket
    gone = []
    for file_id, names in keys.items():
        try:
            for name in names:
                backend().delete(name)
        except Away as error:
            logger.warning("stored file %s could not be deleted: %s", file_id, error)
        else:
            gone.append(file_id)
    if gone:
        for change in (
            update(StoredFile).where(StoredFile.id.in_(new & {*gone})).values(kind="", parts=[]),
            delete(StoredFile).where(StoredFile.id.in_({*gone} - new)),
        ):
            db.session.execute(change, execution_options={"synchronize_session": False})
        db.session.commit()
    return len(gone)


def _may_arrive_again(file: StoredFile) -> bool:
    is_new = file.created_at > now() - TO_UPLOAD
    return is_new and file.parts == [""] and isinstance(backend(), Bucket)
