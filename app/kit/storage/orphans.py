"""Delete the files to which no row refers."""

from datetime import timedelta

from sqlalchemy import ColumnElement, exists, select, true

from app.extensions import db
from app.kit.clean_up import nightly
from app.kit.database import now
from app.kit.storage.files import drop
from app.kit.storage.models import StoredFile
from app.kit.storage.registry import kinds

KEPT = timedelta(days=1)
AT_ONCE = 100


def purge() -> int:
    """Delete files that were stored a day ago and belong to nothing, and return their number.

    Files of a kind that no feature registers stay, because the feature may be switched off. Its
    removal sets their kind to "".
    """
    purged = _purge("", true())
    for kind, owner in kinds().items():
        purged += _purge(kind, ~exists().where(owner == StoredFile.id))
    return purged


def _purge(kind: str, is_orphan: ColumnElement[bool]) -> int:
    before, last, purged = now() - KEPT, 0, 0
    old = (StoredFile.kind == kind, StoredFile.created_at < before, is_orphan)
    while True:
        query = select(StoredFile).where(*old, StoredFile.id > last).order_by(StoredFile.id)
        files = db.session.scalars(query.limit(AT_ONCE)).all()
        last = files[-1].id if files else last  # read before `drop` ends the transaction
        purged += drop(files)
        if len(files) < AT_ONCE:
            return purged


nightly("files", purge, last=True)
