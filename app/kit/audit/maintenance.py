"""Open the audit trail to its own maintenance, for one transaction."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db


class AuditMaintenance(db.Model):
    """A row that allows its own transaction to change and delete audit events.

    The transaction deletes the row before the commit, so no other transaction ever sees it.
    """

    __tablename__ = "audit_maintenance"

    id: Mapped[int] = mapped_column(primary_key=True)


@contextmanager
def maintenance() -> Iterator[None]:
    """Allow the current transaction to change the audit trail inside the block.

    This is for retention only. It inserts a row with a random id, so that concurrent transactions
    do not wait for each other, and deletes it before the commit. If the block fails, the
    transaction is rolled back, because the row must not stay.
    """
    key = AuditMaintenance(id=1 + secrets.randbelow(2**31 - 1))
    db.session.add(key)
    db.session.flush()
    try:
        yield
    except BaseException:
        db.session.rollback()
        raise
    db.session.delete(key)
    db.session.flush()
