"""The nightly backup."""

import logging

from flask import current_app

from app.features.backups import making, places
from app.kit import queue

logger = logging.getLogger(__name__)


@queue.task(timeout=6 * 60 * 60, cron="BACKUP_AT", retries=2, backoff=(600, 3600))
def make_backup() -> dict[str, object]:
    """Make a backup, delete older ones, and return what was done. Without a place, do nothing.

    A restored copy may have the settings of its original, and must not mix its backups with those
    of the original. So it makes none while its mail is held.
    """
    if not (text := current_app.config["BACKUP_TO"]):
        return {}
    if making.may_be_a_copy():
        logger.warning("no backup is made while mail is held: this may be a copy")
        return {}
    made = making.make(places.place(text))
    missing = made.manifest.missing_files
    return {"name": made.name, "size": made.size, "missing": missing, "deleted": made.deleted}
