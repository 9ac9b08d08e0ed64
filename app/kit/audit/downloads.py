"""Record that a user downloaded a file."""

from typing import Any

from app.extensions import db
from app.kit import audit
from app.kit.audit.actions import DOWNLOADING
from app.kit.audit.event import Actor
from app.kit.database import reading_only


def record_download(action: str, *, by: Actor, **values: Any) -> None:
    """Record a download, and commit. `action` ends in a verb of DOWNLOADING.

    A GET request runs in a read-only transaction. This function ends that transaction, writes in
    one of its own, and restores the read-only mode for the file. Raises ValueError for other verbs.
    """
    if action.rpartition(".")[2] not in DOWNLOADING:
        verbs = " or ".join(DOWNLOADING)
        raise ValueError(f"the verb of a download is {verbs}, so that erasing finds it: {action}")
    db.session.rollback()
    promised = reading_only.get()
    reading_only.set(False)
    audit.record(action, by=by, **values)
    db.session.commit()
    reading_only.set(promised)
