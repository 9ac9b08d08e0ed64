"""The nightly backup."""

from flask import current_app

from app.features.backups import making, places
from app.kit import queue


@queue.task(timeout=6 * 60 * 60, cron="BACKUP_AT", retries=2, backoff=(600, 3600))
def make_backup() -> dict[str, object]:
    """Make a backup, delete older ones, and return what was done. Without a place, do nothing."""
    if not (text := current_app.config["BACKUP_TO"]):
        return {}
    made = making.make(places.place(text))
    return {"name": made.name, "size": made.size, "deleted": made.deleted}
