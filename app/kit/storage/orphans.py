"""Delete the files to which no row refers."""

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, column, exists, false, inspect, select, table, true

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

    No feature registers the kind of a feature that is switched off. Its tables stay, so their files
    do, but not those of an erased user. Its removal sets their kind to "".
    """
    purged = _purge("", true())
    for kind, owner in kinds().items():
        purged += _purge(kind, ~exists().where(owner == StoredFile.id))
    stored = db.session.scalars(select(StoredFile.kind).distinct()).all()
    if off := {*stored} - {"", *kinds()}:
        is_orphan = _has_no_reference()
        purged += sum(_purge(kind, is_orphan) for kind in off)
    return purged


def _has_no_reference() -> ColumnElement[bool]:
    """Return the condition that no row of any table in the database refers to a file."""
    found = inspect(db.session.connection()).get_multi_foreign_keys()
    references = [
        table(name, column(key["constrained_columns"][0]))
        for (_, name), keys in found.items()
        for key in keys
        if key["referred_table"] == StoredFile.__tablename__
    ]
    if not references:
        return false()  # An empty condition would delete all files.
    return and_(*(~exists().where(one.c[0] == StoredFile.id) for one in references))


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
