"""Make a backup: the database at one moment, and the stored files that its rows refer to."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select

from app.extensions import db
from app.features.backups import age_keys, archive_names, databases, retention
from app.features.backups.archive import ArchivedFile, ArchiveWriter, BackupManifest, Contents
from app.features.backups.archive_names import ArchiveName
from app.features.backups.databases import DatabaseSnapshot
from app.features.backups.errors import BackupRefused, PlaceAway
from app.features.backups.places import BackupPlace
from app.kit import outgoing, queue, storage
from app.kit.database import now
from app.kit.storage.backend import backend
from settings import kit_record

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 500  # rows of stored files that are read at once


@dataclass(frozen=True)
class MadeBackup:
    """A backup that is whole in its place."""

    name: str
    size: int
    manifest: BackupManifest
    deleted: list[str]
    """The names of older backups that were deleted."""


def app_name() -> str:
    """Return the name with which the archives of this application begin."""
    return str(current_app.config["QUEUE_PREFIX"])


def fingerprint(key: str) -> str:
    """Return a fingerprint of a SECRET_KEY, from which nobody learns the key."""
    return hmac.new(key.encode(), b"app.features.backups", hashlib.sha256).hexdigest()[:16]


def make(place: BackupPlace, *, prune: bool = True) -> MadeBackup:
    """Write a backup, and with `prune` delete older ones by the settings.

    An older one is deleted only after a new one is whole. Raises BackupRefused.
    """
    to = age_keys.recipients(current_app.config["BACKUP_RECIPIENTS"])
    try:
        place.tidy()
    except PlaceAway as error:  # A backup matters more, and needs fewer rights.
        logger.warning("what earlier backups left cannot be deleted: %s", error)
    name = archive_names.new(app_name(), now(), encrypted=bool(to))
    written = _Counted()
    with place.write(name.text) as sink:
        written.sink = sink
        encrypted = age_keys.encrypted(written, to)  # type: ignore[arg-type]
        with encrypted as plain, ArchiveWriter(plain) as writer:
            manifest = _write(writer)
    if place.size(name.text) != written.size:
        raise PlaceAway(f"{name.text} is not whole in its place. No older backup is deleted.")
    deleted = _prune(place, name, manifest) if prune else []
    logger.info("backup %s is made, of %s bytes", name.text, written.size)
    return MadeBackup(name.text, written.size, manifest, deleted)


def may_be_a_copy() -> bool:
    """Tell whether mail is held, as in a restored copy."""
    hold = outgoing.current_hold()
    db.session.commit()
    return hold is not None


def _prune(place: BackupPlace, newest: ArchiveName, manifest: BackupManifest) -> list[str]:
    """Delete older backups, if this one may stand for them, and return their names."""
    if manifest.missing_files:
        logger.warning("files that the database names are missing: %s", manifest.missing_files)
    # A copy may have the settings of its original, whose backups are not its own.
    if may_be_a_copy() or (manifest.missing_files and not manifest.files.count):
        logger.warning("no older backup is deleted: mail is held, or all files are missing")
        return []
    try:
        return retention.prune(place, app_name(), newest=newest)
    except PlaceAway as error:
        logger.error("older backups cannot be deleted: %s", error)
        return []


class _Counted:
    """A stream that counts what it passes on."""

    sink: object
    size = 0

    def write(self, block: bytes) -> int:
        self.size += len(block)
        return int(self.sink.write(block))  # type: ignore[attr-defined]

    def flush(self) -> None:
        self.sink.flush()  # type: ignore[attr-defined]

    def tell(self) -> int:
        return self.size


def _write(writer: ArchiveWriter) -> BackupManifest:
    with databases.copier().snapshot() as snapshot:
        made_at = now()
        database = writer.add_database(snapshot.blocks)
    files, missing = _add_files(writer, snapshot.last_file)
    manifest = _manifest(snapshot, made_at.isoformat())
    manifest.database, manifest.files, manifest.missing_files = database, files, missing
    writer.finish(manifest)
    return manifest


def _manifest(snapshot: DatabaseSnapshot, made_at: str) -> BackupManifest:
    record = kit_record.read()
    return BackupManifest(
        made_at=made_at,
        app=app_name(),
        version=record.product,
        kit=record.version,
        secret_key=fingerprint(current_app.config["SECRET_KEY"]),
        engine=snapshot.engine,
        engine_version=snapshot.engine_version,
        tool_version=snapshot.tool_version,
        revisions=snapshot.revisions,
        rows=snapshot.rows,
    )


def _add_files(writer: ArchiveWriter, last: int) -> tuple[Contents, int]:
    """Write the files of rows up to the id `last`, and return the number of missing files.

    A file never changes under its key, so it may be read after the snapshot. A file that is missing
    was deleted since, or its upload did not finish.
    """
    contents, missing = Contents(), 0
    for key, content_type in _keys(last):
        try:
            size = backend().size(key)
            with closing(backend().get(key)) as source:
                writer.add_file(ArchivedFile(key, size, content_type), source)
        except storage.Missing:
            missing += 1
            continue
        except storage.Away as error:
            raise BackupRefused(f"The stored files cannot be read: {error}.") from error
        except OSError as error:
            raise BackupRefused(f"The stored file {key} cannot be read: {error}.") from error
        contents.count += 1
        contents.size += size
    contents.sha256 = writer.checksum_of_files()
    return contents, missing


def _keys(last: int) -> Iterator[tuple[str, str]]:
    """Yield the key and the type of each stored file. No transaction is open meanwhile."""
    row, position = storage.StoredFile, 0
    while True:
        query = select(row).where(row.id > position, row.id <= last).order_by(row.id)
        files = db.session.scalars(query.limit(ROWS_AT_ONCE)).all()
        found = [(file.key_of(part), file.content_type) for file in files for part in file.parts]
        position = files[-1].id if files else last
        db.session.commit()
        for number, one in enumerate(found):
            if not number % 50:
                queue.report_progress(position, last, "files")
            yield one
        if len(files) < ROWS_AT_ONCE:
            return
