"""The audit trail: who did what, on what, from where and when. Rows are added and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Protocol

from sqlalchemy import JSON, BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now

# Compared byte by byte, so that an index finds what begins with a text.
LABEL = String(254).with_variant(String(254, collation="C"), "postgresql")


def _where(condition: str) -> Any:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Actor(Protocol):
    """Who acts: a user, as far as the trail needs to know one."""

    id: Any
    email: Any
    impersonator: Any


class AuditEvent(db.Model):
    """One action. It names people by id and by what they were called then, and refers to no table:

    what it tells of may be gone. Triggers refuse to change or delete a row, unless the transaction
    has opened `audit_maintenance`, as only retention does (app.kit.audit).
    """

    __tablename__ = "audit_events"
    # Ids only grow, so the newest of any selection are those with the largest: each list walks one
    # of these from its end. What an event lacks is in no index, so that it costs no write.
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_audit_events_at", "at", "id"),
        Index("ix_audit_events_action", "action", "id"),
        Index("ix_audit_events_actor", "actor_id", "id", **_where("actor_id IS NOT NULL")),
        Index(
            "ix_audit_events_acting_as",
            "acting_as_id",
            "id",
            **_where("acting_as_id IS NOT NULL"),
        ),
        Index(
            "ix_audit_events_subject",
            "subject_type",
            "subject_id",
            "id",
            **_where("subject_id IS NOT NULL"),
        ),
        Index("ix_audit_events_actor_label", "actor_label", "id", **_where("actor_label <> ''")),
        Index(
            "ix_audit_events_subject_label",
            "subject_label",
            "id",
            **_where("subject_label <> ''"),
        ),
        Index("ix_audit_events_address", "address", "id", **_where("address <> ''")),
        Index("ix_audit_events_request", "request_id", "id", **_where("request_id <> ''")),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    action: Mapped[str] = mapped_column(String(64))
    """What was done, as noun and verb: `user.suspended`, `session.started`."""
    actor_id: Mapped[int | None]
    actor_label: Mapped[str] = mapped_column(LABEL, default="")
    """The actor's address at the time; of a failed sign-in, the address that was tried."""
    acting_as_id: Mapped[int | None]
    acting_as_label: Mapped[str] = mapped_column(String(254), default="")
    """Whom the actor was signed in as, if it was someone else."""
    subject_type: Mapped[str] = mapped_column(String(32), default="")
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    subject_label: Mapped[str] = mapped_column(LABEL, default="")
    changes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What was changed: {"role": ["User", "Editor"]}, the value before and the one after."""
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What else there is to know: a reason, a number of rows. Never a secret."""
    address: Mapped[str] = mapped_column(String(45), default="")
    device: Mapped[str] = mapped_column(String(255), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")

    def __repr__(self) -> str:
        return f"<AuditEvent {self.id} {self.action}>"


class AuditMaintenance(db.Model):
    """A row in here, which only the transaction that adds it sees, lets that transaction tidy up.

    It is deleted again before the commit, so the table is always found empty.
    """

    __tablename__ = "audit_maintenance"

    id: Mapped[int] = mapped_column(primary_key=True)
