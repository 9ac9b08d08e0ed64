"""Restore an archive: check all of it, then its files, then the database in one step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, BinaryIO, cast

from alembic.util import CommandError
from flask import current_app

from app.extensions import db
from app.features.backups import age_keys, archive_names, databases, making, pipes
from app.features.backups.archive import ArchivedFile, ArchiveReader, BackupManifest
from app.features.backups.errors import BackupRefused
from app.features.backups.places import BackupPlace
from app.kit import storage
from app.kit.database import migrations
from app.kit.storage.backend import Backend, backend

LATEST = "latest"
IN_MEMORY = 8 * 1024 * 1024  # bytes of a file above which it waits on the disk


@dataclass
class RestoreReport:
    """The result of a restore."""

    name: str
    manifest: BackupManifest
    new_files: int = 0
    same_files: int = 0


@contextmanager
def opened(
    wanted: str, place: BackupPlace | None, identity: Path | None
) -> Iterator[tuple[str, ArchiveReader]]:
    """Yield the name and the reader of an archive: a path, a name in `place`, or "latest".

    Raises BackupRefused.
    """
    if Path(wanted).is_file():
        yield wanted, _reader(Path(wanted), identity)
        return
    if place is None:
        raise BackupRefused(f"There is no file {wanted}, and BACKUP_TO names no place to look in.")
    name = _found(wanted, place)
    with place.local(name) as path:
        _refuse_plain(name, path)
        yield name, _reader(path, identity)


def _refuse_plain(name: str, path: Path) -> None:
    """Refuse an archive of the place that is not encrypted, although all that are made here are.

    Another one may have put it there. The operator may still name a file that they trust.
    """
    if current_app.config["BACKUP_RECIPIENTS"] and not age_keys.is_encrypted(path):
        raise BackupRefused(
            f"{name} is not encrypted, although BACKUP_RECIPIENTS is set. If you trust it, "
            "copy it to this machine, and name its path."
        )


def _found(wanted: str, place: BackupPlace) -> str:
    names = place.names()
    if wanted == LATEST:
        if not (own := archive_names.of_app(names, making.app_name())):
            raise BackupRefused(f"There is no backup of {making.app_name()} yet.")
        return own[-1].text
    if wanted not in names:
        raise BackupRefused(f"There is no backup {wanted}. `manage.py list_backups` lists them.")
    return wanted


def _reader(path: Path, identity: Path | None) -> ArchiveReader:
    secret = age_keys.identities(identity) if identity else []

    @contextmanager
    def stream() -> Iterator[BinaryIO]:
        with path.open("rb") as file:
            if not age_keys.is_encrypted(path):
                yield file
                return
            if not secret:
                raise BackupRefused("The backup is encrypted. Name its key: --identity FILE.")
            with age_keys.decrypted(file, secret) as plain:
                yield plain

    return ArchiveReader(stream)


def check(reader: ArchiveReader, *, replace: bool) -> BackupManifest:
    """Read the whole archive, and refuse what cannot be restored. Changes nothing.

    Raises BackupRefused.
    """
    manifest = reader.verify()
    copier = databases.copier()
    if manifest.engine != copier.name:
        raise BackupRefused(
            f"The backup is of {manifest.engine}, and the database here is {copier.name}. "
            "Restore it into a database of the same kind."
        )
    _refuse_newer(manifest)
    copier.check(manifest)
    if manifest.files.count:
        try:
            storage.check()
        except (storage.Away, storage.Missing) as error:
            raise BackupRefused(f"The files cannot be stored here: {error}.") from error
    if not replace and not copier.is_empty():
        raise BackupRefused(
            f"The database is not empty: {copier.describe()}. "
            "--replace deletes everything in it first."
        )
    return manifest


def _refuse_newer(manifest: BackupManifest) -> None:
    directory = Path(current_app.extensions["migrate"].directory)
    try:
        unknown = set(manifest.revisions) - migrations.known_revisions(directory)
    except CommandError as error:
        raise BackupRefused(str(error)) from None
    if unknown and not is_of_this_app(manifest):
        raise BackupRefused(
            f"The backup is of {manifest.app}, whose tables the code here does not know. This is "
            f"{making.app_name()}."
        )
    if unknown:
        found = migrations.explain(unknown)
        raise BackupRefused(
            f"The backup is newer than the code: it is of release {manifest.version}. "
            f"{found.problem} {found.hint}"
        )


def restore(
    name: str, reader: ArchiveReader, manifest: BackupManifest, *, replace: bool
) -> RestoreReport:
    """Restore an archive that `check` has accepted.

    The files come first: under their generated keys they harm nobody if the database is refused.
    The database is replaced in one step, in which mail is held and sessions end. Without `replace`,
    a database that has got tables since `check` is refused. Raises BackupRefused.
    """
    report = RestoreReport(name, manifest)
    db.session.remove()
    db.engine.dispose()
    reason = f"This is a copy, restored from the backup of {manifest.time:%Y-%m-%d %H:%M} UTC."
    with TemporaryFile() as new:
        try:
            for file, content in reader.files():
                _restore_file(file, content, report, new)
            with closing(reader.database()) as blocks:
                databases.copier().restore(manifest, blocks, reason, replace=replace)
        except BaseException:
            _take_back(new)
            raise
    return report


def _restore_file(
    file: ArchivedFile, content: BinaryIO, report: RestoreReport, new: IO[bytes]
) -> None:
    """Store a file, unless the same one is there, and note its key in `new`."""
    place = backend()
    checksum = hashlib.sha256()
    with SpooledTemporaryFile(max_size=IN_MEMORY) as waiting:
        pipes.copy(content, waiting.write, checksum.update)
        waiting.seek(0)
        try:
            former = _checksum(place, file)
            if former == checksum.digest():
                report.same_files += 1
                return
            if former is not None:  # A file under this key is this file, or is damaged.
                place.delete(file.key)
            place.put(file.key, cast(BinaryIO, waiting), file.size, file.content_type)
        except storage.Away as error:
            raise BackupRefused(f"The files cannot be stored here: {error}.") from error
    if former is None:
        new.write(f"{file.key}\n".encode())
    report.new_files += 1


def _checksum(place: Backend, file: ArchivedFile) -> bytes | None:
    """Return the checksum of a stored file, b"" for another size, or None if there is none."""
    try:
        if place.size(file.key) != file.size:
            return b""
        checksum = hashlib.sha256()
        with closing(place.get(file.key)) as there:
            pipes.copy(there, checksum.update)
    except storage.Missing:
        return None
    return checksum.digest()


def _take_back(new: IO[bytes]) -> None:
    """Delete the files that a failed restore has added."""
    new.seek(0)
    for line in new:
        with suppress(storage.Away):
            backend().delete(line.decode().strip())


def is_of_this_app(manifest: BackupManifest) -> bool:
    return manifest.app == making.app_name()


def is_of_this_key(manifest: BackupManifest) -> bool:
    """Tell whether the settings have the SECRET_KEY of the backup, which encrypts columns."""
    keys_of_settings = current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]
    return manifest.secret_key in map(making.fingerprint, keys_of_settings)
