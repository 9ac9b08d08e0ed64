"""The tables of webhooks, their events, and the outbox of deliveries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from secrets import token_hex
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.kit.audit import AuditEvent
from app.kit.database import UtcDateTime, now
from app.kit.encryption import Cipher

SECRETS = Cipher(b"app.features.webhooks: secrets that sign deliveries")
NAME_LENGTH, URL_LENGTH = 100, 2_000
TEST = "test"  # the type of a test, which is no event of the audit trail


class WebhookState(StrEnum):
    """Whether new events are sent. A webhook is off after its deliveries failed for three days."""

    ACTIVE = "active"
    PAUSED = "paused"
    OFF = "off"


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Webhook(db.Model):
    """A URL to which events go."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(24), unique=True, default=lambda: token_hex(12))
    """A random part of the ids of its messages, so that other copies of the app use other ids."""
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default=WebhookState.ACTIVE)
    wants_all: Mapped[bool] = mapped_column(default=False)
    encrypted: Mapped[str] = mapped_column(Text, default="")
    """The secret as SECRETS encrypts it."""
    former_encrypted: Mapped[str] = mapped_column(Text, default="")
    former_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when the former secret signs as well."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    succeeded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The first failure after the latest success."""
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """No delivery begins before, because the server did not answer."""
    off_reason: Mapped[str] = mapped_column(Text, default="")
    actions: Mapped[list[WebhookAction]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="WebhookAction.action"
    )

    def __repr__(self) -> str:
        return f"<Webhook {self.id} {self.state}>"


class WebhookAction(db.Model):
    """An action of the audit trail whose events a webhook gets."""

    __tablename__ = "webhook_actions"

    webhook_id: Mapped[int] = mapped_column(
        ForeignKey("webhooks.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    action: Mapped[str] = mapped_column(String(64), primary_key=True)


class WebhookDelivery(db.Model):
    """An event that goes to a URL, or a test.

    The row has no payload: it is made of the event at each attempt, so that it never names a user
    who was erased meanwhile.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        UniqueConstraint("event_id", "webhook_id"),
        Index("ix_webhook_deliveries_due", "state", "next_try_at"),
        Index("ix_webhook_deliveries_webhook", "webhook_id", "id"),
        Index("ix_webhook_deliveries_created", "created_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("audit_events.id", ondelete="CASCADE"))
    action: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    """Each lease adds one, so the number also identifies the lease."""
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    """When the delivery is due, or when the lease of its worker ends."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    """When it was created, or sent again by hand."""
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    milliseconds: Mapped[int | None]
    status: Mapped[int | None]
    """The HTTP status of the latest answer."""
    answer: Mapped[str] = mapped_column(Text, default="")
    """The beginning of the latest answer."""
    error: Mapped[str] = mapped_column(Text, default="")
    webhook: Mapped[Webhook] = relationship()
    event: Mapped[AuditEvent | None] = relationship()

    def __repr__(self) -> str:
        return f"<WebhookDelivery {self.id} {self.state}>"

    @property
    def message_id(self) -> str:
        """The id of the message, which is the same at each attempt."""
        return f"msg_{self.webhook.uid}_{self.id}"
