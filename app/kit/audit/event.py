"""Define the audit trail: actor, action, subject, IP address and time. Rows are append-only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Protocol

from sqlalchemy import JSON, BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now

# The "C" collation compares bytes, so an index serves searches for a prefix.
LABEL = String(254).with_variant(String(254, collation="C"), "postgresql")


def _where(condition: str) -> Any:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Actor(Protocol):
    """The attributes of a user that the audit trail needs of an actor."""

    id: Any
    email: Any
    impersonator: Any
    token_name: Any
    scopes: Any


class AuditEvent(db.Model):
    """One recorded action. It stores ids and labels, and has no foreign keys.

    The rows that it names may be deleted later. Triggers refuse to change or delete an event,
    unless the transaction has opened `audit_maintenance`, as only retention does (app.kit.audit).
    """

    __tablename__ = "audit_events"
    # Ids only grow, so the newest events have the largest ids: each list walks an index from its
    # end. The indexes are partial, so an empty column costs no write.
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
    """The action as noun and verb: `user.suspended`, `session.started`."""
    actor_id: Mapped[int | None]
    actor_label: Mapped[str] = mapped_column(LABEL, default="")
    """The actor's email at the time. For a failed sign-in, the email that was tried."""
    acting_as_id: Mapped[int | None]
    acting_as_label: Mapped[str] = mapped_column(String(254), default="")
    """The email of the impersonated user, if the actor was impersonating a user."""
    subject_type: Mapped[str] = mapped_column(String(32), default="")
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    subject_label: Mapped[str] = mapped_column(LABEL, default="")
    changes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The changed values, before and after: {"role": ["User", "Editor"]}."""
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Further facts, such as a reason or a number of rows. Never a secret."""
    address: Mapped[str] = mapped_column(String(45), default="")
    device: Mapped[str] = mapped_column(String(255), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")

    def __repr__(self) -> str:
        return f"<AuditEvent {self.id} {self.action}>"
