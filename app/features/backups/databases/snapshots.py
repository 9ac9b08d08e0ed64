"""Define the methods that each engine has for a backup and a restore."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from app.features.backups.archive import BackupManifest
from app.features.backups.errors import BackupRefused
from app.kit.outgoing import OutgoingHold

HOLDS = OutgoingHold.__tablename__
GOT_TABLES = (
    "The database was empty, and has got tables meanwhile. Stop web and worker, and restore again: "
    "--replace deletes what it holds."
)
# A restore adds the hold, so its table is not compared.
NOT_COMPARED = frozenset({HOLDS})


@dataclass(frozen=True)
class DatabaseSnapshot:
    """The database at one moment. Rows, revisions and blocks all are of this moment."""

    engine: str
    engine_version: int
    tool_version: int
    revisions: list[str]
    rows: dict[str, int]
    last_file: int
    """The highest id of a stored file."""
    blocks: Iterator[bytes]
    """The database as the restore of the same engine reads it."""


class DatabaseCopier(Protocol):
    """Copies and restores the database of one engine. Every method raises BackupRefused."""

    name: str

    def snapshot(self) -> AbstractContextManager[DatabaseSnapshot]:
        """Yield a snapshot, which does not keep others from writing."""

    def describe(self) -> str:
        """Return where the database is, without a password."""

    def is_empty(self) -> bool:
        """Return whether the database has no tables, or does not exist."""

    def check(self, manifest: BackupManifest) -> None:
        """Refuse a backup that cannot be restored here, before anything is changed."""

    def restore(
        self, manifest: BackupManifest, blocks: Iterable[bytes], reason: str, *, replace: bool
    ) -> None:
        """Replace the database, with a hold for this reason, whole or not at all.

        The rows of each table are counted before it counts. Rows that let somebody in are deleted
        (app.kit.database.restored). Without `replace`, a database with tables is refused.
        """


def ensure_can_be_held(tables: Iterable[str]) -> None:
    """Raise BackupRefused for a database without the table of holds."""
    if HOLDS not in tables:
        raise BackupRefused(
            "The tables are older than the first release with backups. "
            "Run `python manage.py db upgrade` first."
        )


def differences(expected: dict[str, int], found: dict[str, int]) -> str:
    """Return in words which tables have other numbers of rows, or were not counted, or ""."""
    wrong = [
        f"{name} has {found.get(name, 0):,} rows and not {count:,}"
        for name, count in sorted(expected.items())
        if name not in NOT_COMPARED and found.get(name) != count
    ]
    wrong += [f"{name} is not counted" for name in sorted(found.keys() - expected.keys())]
    return "; ".join(wrong)
