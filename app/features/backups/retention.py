"""Delete older backups: those of a day stay, and the newest of each of the last days and weeks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import timedelta

from flask import current_app

from app.features.backups import archive_names
from app.features.backups.archive_names import ArchiveName
from app.features.backups.places import BackupPlace

ALL_FOR = timedelta(hours=24)


def prune(place: BackupPlace, app: str, *, newest: ArchiveName) -> list[str]:
    """Delete the backups of an application that are not kept, and return their names.

    The caller has just made `newest`, and found it whole. It stays, whatever the clock says.
    """
    found = archive_names.of_app(place.names(), app)
    config = current_app.config
    keep = {newest} | kept(found, config["BACKUP_KEEP_DAILY"], config["BACKUP_KEEP_WEEKLY"])
    deleted = [one.text for one in found if one not in keep]
    for name in deleted:
        place.delete(name)
    return deleted


def kept(names: Iterable[ArchiveName], daily: int, weekly: int) -> set[ArchiveName]:
    """Return the newest archive of each of the last days and weeks that have one.

    Days without a backup do not count, so a pause of a month deletes nothing. All archives of the
    last 24 hours stay, so that a backup after a migration does not delete the one before it.
    """
    newest_first = sorted(names, reverse=True)
    latest = {one for one in newest_first if newest_first[0].at - one.at < ALL_FOR}
    days = _newest_of_each(newest_first, lambda one: one.at.date(), daily)
    weeks = _newest_of_each(newest_first, lambda one: one.at.isocalendar()[:2], weekly)
    return latest | days | weeks


def _newest_of_each(
    newest_first: Iterable[ArchiveName], period: Callable[[ArchiveName], Hashable], count: int
) -> set[ArchiveName]:
    found: dict[Hashable, ArchiveName] = {}
    for one in newest_first:
        found.setdefault(period(one), one)
    return set(list(found.values())[:count])
