"""Copy an SQLite file with the online backup API, and restore it in one transaction."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from app.extensions import db
from app.features.backups import pipes
from app.features.backups.archive import BackupManifest
from app.features.backups.databases.snapshots import (
    GOT_TABLES,
    HOLDS,
    DatabaseSnapshot,
    differences,
    ensure_can_be_held,
)
from app.features.backups.errors import ArchiveDamaged, BackupRefused
from app.features.backups.places import remove_left_over
from app.kit import names
from app.kit.database import restored
from app.kit.outgoing import values_of_hold

BESIDE = ".backup-"  # beginning of the names of temporary folders beside the database
LOCK_WAIT = 30  # seconds that a restore waits for writers
PAGES = -1  # all in one step, which is one transaction
STEP = 1_000  # pages; the steps of a copy into an empty database are one transaction too
PAGE_FACTS = ("size", "count")
COMPRESSION = 3  # a third of the time of zlib's default, for a tenth more bytes
GZIP = 31  # zlib's number for the header of gzip
TABLES = (
    "SELECT name FROM pragma_table_list"
    " WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)


class SqliteCopier:
    name = "sqlite"

    @contextmanager
    def snapshot(self) -> Iterator[DatabaseSnapshot]:
        path = _path()
        if not path.exists():
            raise BackupRefused(f"There is no database at {path}.")
        with _problems(), _beside(path) as copy, closing(_connect(copy)) as target:
            with closing(_connect(path)) as source:
                # In one step, the copy is one read transaction. In several, each writer would
                # make it begin again.
                source.backup(target, pages=PAGES)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            rows = count_rows(target)
            ensure_can_be_held(rows)
            yield DatabaseSnapshot(
                engine=self.name,
                engine_version=sqlite3.sqlite_version_info[0],
                tool_version=0,
                revisions=[row for (row,) in target.execute(_REVISIONS)],
                rows=rows,
                last_file=target.execute(_LAST_FILE).fetchone()[0] or 0,
                blocks=_compressed(copy),
            )

    def describe(self) -> str:
        return str(_path())

    def is_empty(self) -> bool:
        path = _path()
        if not path.exists() or not path.stat().st_size:
            return True
        try:
            with closing(_connect(path)) as connection:
                return not count_rows(connection)
        except sqlite3.DatabaseError:
            return False

    def check(self, manifest: BackupManifest) -> None:
        if manifest.engine_version > sqlite3.sqlite_version_info[0]:
            raise BackupRefused("The backup is of a newer SQLite than the one of this Python.")
        _path()

    def restore(
        self, manifest: BackupManifest, blocks: Iterable[bytes], reason: str, *, replace: bool
    ) -> None:
        path = _path()
        with _problems(), _beside(path) as copy:
            _decompress(blocks, copy)
            with closing(_connect(copy)) as source:
                _examine(source, manifest)
                _hold(source, reason)
                _end_sessions(source, set(manifest.rows))
                if replace:
                    _replace(source, copy, path)
                else:
                    _fill(source, path)


_REVISIONS = "SELECT version_num FROM alembic_version ORDER BY version_num"
_LAST_FILE = "SELECT max(id) FROM stored_files"


def count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of rows of each table, without the tables of a search index."""
    found = [name for (name,) in connection.execute(TABLES)]
    quoted = {name: name.replace('"', '""') for name in sorted(found)}
    return {
        name: connection.execute(f'SELECT count(*) FROM "{text}"').fetchone()[0]  # noqa: S608
        for name, text in quoted.items()
    }


def _path() -> Path:
    name = db.engine.url.database
    if name in (None, "", ":memory:"):
        raise BackupRefused("The database is in memory, so there is nothing to back up or restore.")
    return Path(str(name)).absolute()


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary database on the disk of the database.

    The folders of killed processes are deleted hours later.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_left_over(path.parent, f"{BESIDE}*")
    with TemporaryDirectory(prefix=BESIDE, dir=path.parent) as folder:
        yield Path(folder) / "copy.sqlite"


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupRefused(f"SQLite refuses: {error}.") from error
    except OSError as error:
        raise BackupRefused(f"The disk refuses: {error.strerror or error}.") from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_WAIT, isolation_level=None)
    # Indexes and triggers of the application may call it.
    connection.create_function("fold", 1, names.fold, deterministic=True)
    return connection


def _compressed(path: Path) -> Iterator[bytes]:
    compressor = zlib.compressobj(COMPRESSION, wbits=GZIP)
    with path.open("rb") as file:
        while block := file.read(pipes.BLOCK):
            yield compressor.compress(block)
    yield compressor.flush()


def _decompress(blocks: Iterable[bytes], path: Path) -> None:
    decompressor = zlib.decompressobj(wbits=GZIP)
    with path.open("wb") as file:
        path.chmod(0o600)
        for block in blocks:
            file.write(decompressor.decompress(block))
        file.write(decompressor.flush())
    if not decompressor.eof:
        raise ArchiveDamaged("The database in the archive is cut off.")


def _examine(connection: sqlite3.Connection, manifest: BackupManifest) -> None:
    """Raise ArchiveDamaged unless the copy is sound and has the rows of the manifest."""
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise ArchiveDamaged(f"The database in the archive is damaged: {said}.")
    if wrong := differences(manifest.rows, count_rows(connection)):
        raise ArchiveDamaged(f"The database in the archive is not that of its manifest: {wrong}.")


def _hold(connection: sqlite3.Connection, reason: str) -> None:
    values = values_of_hold(reason)
    row = (values["id"], values["since"].strftime("%Y-%m-%d %H:%M:%S.%f"), values["reason"])
    connection.execute(f"INSERT OR REPLACE INTO {HOLDS} (id, since, reason) VALUES (?, ?, ?)", row)  # noqa: S608


def _end_sessions(connection: sqlite3.Connection, tables: set[str]) -> None:
    connection.execute("PRAGMA foreign_keys = ON")  # for rows that belong to the deleted ones
    for statement in restored.statements(tables):
        connection.execute(statement)


def _fill(source: sqlite3.Connection, path: Path) -> None:
    """Copy the database into one that has no tables yet.

    Another process may have made tables since `check`, and what it wrote would be lost. So the
    first step of the copy takes the write lock, and then a second connection looks once more.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(_connect(path)) as target, closing(_connect(path)) as reader:
        size, count = (source.execute(f"PRAGMA page_{one}").fetchone()[0] for one in PAGE_FACTS)
        target.execute(f"PRAGMA page_size = {size}")
        # In this mode others can read what was there, while the copy is being written.
        target.execute("PRAGMA journal_mode = WAL")
        give_up, looked = _give_up_after(LOCK_WAIT), False

        def look(status: int, remaining: int, total: int) -> None:
            nonlocal looked
            give_up(status, remaining, total)
            if status == sqlite3.SQLITE_OK and not looked:
                looked = True
                if count_rows(reader):
                    raise BackupRefused(GOT_TABLES)

        # The last step commits, so there must be one before it.
        pages = max(1, min(STEP, count // 2))
        source.backup(target, pages=pages, progress=look, sleep=0.1)


def _replace(source: sqlite3.Connection, copy: Path, path: Path) -> None:
    """Put the copy in the place of the database.

    Other processes may have the file open, and a log beside it. So the pages are copied into it in
    one transaction, which a crash undoes. A file that is none or is damaged is replaced.
    """
    try:
        if path.exists() and path.stat().st_size:
            with closing(_connect(path)) as target:
                source.backup(target, pages=PAGES, progress=_give_up_after(LOCK_WAIT), sleep=0.1)
            return
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
    source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for beside in (f"{path}-wal", f"{path}-shm", f"{path}-journal"):  # of the former file
        Path(beside).unlink(missing_ok=True)
    copy.rename(path)


def _give_up_after(seconds: float) -> Callable[[int, int, int], None]:
    until = time.monotonic() + seconds

    def progress(status: int, _remaining: int, _total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise BackupRefused(
                "Another process writes to the database all the time. "
                "Stop web and worker, and restore again."
            )

    return progress
