"""Ask for the data of a user, collect it, and hand it over once."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from sqlalchemy import delete, or_

from app.extensions import db
from app.features.own_data import contents, emails
from app.features.own_data.models import GOOD_FOR, OWN_DATA, DataExport
from app.kit import audit, queue, storage
from app.kit.database import now
from app.kit.mail import outbox
from app.models import User
from app.services import policy
from app.services.own_account import ensure_not_impersonating

MEMORY, LARGEST = 1024 * 1024, 2 * 1024 * 1024 * 1024  # bytes


class NotReady(Exception):
    """There is no archive, or it was downloaded, or is too old."""


def of(user: User) -> DataExport | None:
    return db.session.get(DataExport, user.id)


def ask(user: User, *, by: User) -> None:
    """Let the worker collect the data of `user`. A former archive is deleted.

    Raises InsufficientPrivileges and NotWhileImpersonating.
    """
    ensure_not_impersonating(by)
    policy.lock(user, by=by)
    policy.ensure_may_manage(by, user.role)
    export = of(user)
    if export is None:
        export = DataExport(user_id=user.id)
        db.session.add(export)
    former, export.file_id = export.file_id, None
    export.asked_at, export.ready_at = now(), None
    audit.record("data.asked", by=by, subject=user)
    db.session.commit()
    if file := former and db.session.get(storage.StoredFile, former):
        storage.drop([file])
    queue.enqueue("collect_own_data", unique_key=f"own-data-{user.id}", user_id=user.id)


def collect(user_id: int) -> bool:
    """Collect the data of a user and tell them by mail, unless it is ready. Raises storage.Away."""
    export = db.session.get(DataExport, user_id)
    if export is None or export.file_id is not None or not export.user.is_active:
        return False
    with SpooledTemporaryFile(max_size=MEMORY) as target:
        stream = cast(BinaryIO, target)
        contents.write(export.user, stream)
        file = storage.save(OWN_DATA, stream, most=LARGEST, file_name="my-data.zip")
    file_id = file.id
    export = db.session.get(DataExport, user_id, with_for_update=True, populate_existing=True)
    if export is None or export.file_id is not None:
        db.session.rollback()
        return False
    export.file_id, export.ready_at = file_id, now()
    outbox.commit_and_notify(emails.send_own_data_ready(export.user))
    return True


def take(user: User) -> storage.StoredFile:
    """Return the archive of a user, for the one download that it is good for.

    The file then belongs to nothing, and the next clean-up deletes it. Raises NotReady, and
    storage.Away before the download is used up.
    """
    ensure_not_impersonating(user)
    _ensure_reachable(of(user))
    policy.lock(user, by=user)
    export = of(user)
    file = db.session.get(storage.StoredFile, export.file_id or 0) if export else None
    if export is None or file is None or not export.is_ready:
        db.session.rollback()
        raise NotReady
    db.session.delete(export)
    audit.record("data.downloaded", by=user, subject=user)
    db.session.commit()
    return file


def _ensure_reachable(export: DataExport | None) -> None:
    """Raise storage.Away if the place for files does not answer, and NotReady if one is lost."""
    file = db.session.get(storage.StoredFile, export.file_id or 0) if export else None
    if file is not None:
        key = file.key
        db.session.rollback()  # nobody waits for the bucket
        try:
            storage.open_key(key).close()
        except storage.Missing:
            raise NotReady from None


def purge() -> int:
    """Forget archives that are too old, and requests that nothing came of. Returns the number."""
    oldest = now() - GOOD_FOR
    is_old = or_(
        DataExport.ready_at < oldest,
        DataExport.ready_at.is_(None) & (DataExport.asked_at < oldest),
    )
    gone = db.session.execute(delete(DataExport).where(is_old).returning(DataExport.user_id)).all()
    db.session.commit()
    return len(gone)
