"""Find out how old the newest backup is, for `doctor` and the alerts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import current_app

from app.features.backups import age_keys, archive_names, making, places
from app.features.backups.errors import BackupRefused, PlaceAway
from app.features.backups.places import BackupPlace
from app.kit.database import now
from app.kit.doctor import Finding

PATIENCE = 4  # seconds; all checks together have eight


def _names_in_time(place: BackupPlace) -> list[str]:
    """Return the names in a place. A bucket that hangs may not hold the other checks up.

    Raises PlaceAway.
    """
    thread = ThreadPoolExecutor(1)
    asked = thread.submit(place.names)
    thread.shutdown(wait=False)
    try:
        return asked.result(PATIENCE)
    except TimeoutError:
        raise PlaceAway(f"There is no answer within {PATIENCE} seconds.") from None


def find_problem() -> Finding | None:
    """Return a finding if the newest backup is too old, or if the next one cannot be made.

    Without a place for backups there is nothing to find.
    """
    config = current_app.config
    if not config["BACKUP_TO"]:
        return None
    try:
        age_keys.recipients(config["BACKUP_RECIPIENTS"])
        names = _names_in_time(places.place(config["BACKUP_TO"]))
    except BackupRefused as error:
        return Finding(f"Backups cannot be made: {error}", "Compare BACKUP_TO and its settings.")
    found = archive_names.of_app(names, making.app_name())
    hint = "Run `python manage.py backup`, and read the log of the worker about make_backup."
    if not found:
        return Finding("There is no backup yet.", hint)
    age = now() - found[-1].at
    if age <= timedelta(hours=config["BACKUP_MAX_AGE_HOURS"]):
        return None
    hours = age // timedelta(hours=1)
    told = f"{hours} hours" if hours < 72 else f"{hours // 24} days"
    return Finding(f"The newest backup is {told} old.", hint)
