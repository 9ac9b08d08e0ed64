"""Name the archives, so that their names alone tell the application and the time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex

from app.kit.database import now

CLOCKS_DIFFER_BY = timedelta(hours=1)
TIME = "%Y%m%dT%H%M%SZ"
# The part of a name after the name of the application.
REST = re.compile(r"(?P<at>\d{8}T\d{6}Z)-[0-9a-f]{6}\.backup(\.age)?")


@dataclass(frozen=True, order=True)
class ArchiveName:
    """The name of an archive. Names sort by time."""

    at: datetime
    text: str


def new(app: str, at: datetime, *, encrypted: bool) -> ArchiveName:
    """Return a name that no other backup has, not even one that begins in the same second."""
    at = at.replace(microsecond=0)
    suffix = ".backup.age" if encrypted else ".backup"
    return ArchiveName(at, f"{app}-{at.strftime(TIME)}-{token_hex(3)}{suffix}")


def of_app(names: Iterable[str], app: str) -> list[ArchiveName]:
    """Return the archives of an application among the names of files, oldest first.

    Those of the future are left out. A clock that was wrong once may neither hide that there are no
    newer backups, nor let a newer one be deleted.
    """
    found, until = [], now() + CLOCKS_DIFFER_BY
    for text in names:
        match = REST.fullmatch(text.removeprefix(f"{app}-"))
        if match is None or not text.startswith(f"{app}-"):
            continue
        try:
            at = datetime.strptime(match["at"], TIME).replace(tzinfo=UTC)
        except ValueError:  # the 31st of February
            continue
        if at < until:
            found.append(ArchiveName(at, text))
    return sorted(found)
