"""The outbox: a row for every mail, written in the same commit as the change that causes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, Select, String, Text, false, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now

# How long a new row is left to the worker that was told of it, before the sweeper takes it.
NOTIFY_PERIOD = timedelta(seconds=60)

# What no worker has taken up yet. A partial index is used by a query that says the same.
NEW = text("state = 'pending' AND attempts = 0")


class EmailState(StrEnum):
    """Where a mail is on its way."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class EmailMessage(db.Model):
    """A mail that is to be sent, or has been.

    It holds what the mail is rendered from and never a link with a token: those are made when it
    is sent. `message_id` stays the same however often sending is tried, so that a reader's
    program can tell a second copy from a second mail.
    """

    __tablename__ = "email_messages"
    # Ids never return and only grow: the newest mail of a kind is the one with the largest.
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_email_messages_due", "state", "next_try_at"),
        Index(
            "ix_email_messages_new",
            *("attempts", "is_bulk", "id"),
            sqlite_where=NEW,
            postgresql_where=NEW,
        ),
        Index(
            "ix_email_messages_operator",
            "next_try_at",
            sqlite_where=text("needs_operator = 1"),
            postgresql_where=text("needs_operator"),
        ),
        Index("ix_email_messages_sent", "sent_at"),
        Index("ix_email_messages_state", "state", "id"),
        Index("ix_email_messages_to", "recipient", "message", "created_at"),
        Index("ix_email_messages_user", "user_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str] = mapped_column(String(64))
    recipient: Mapped[str] = mapped_column(String(254))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    context: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    message_id: Mapped[str] = mapped_column(String(255), unique=True)
    # Known once it has been rendered for the first time.
    subject: Mapped[str] = mapped_column(Text, default="")

    # One of those of an action done to many. A mail that one person waits for goes before them.
    is_bulk: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[str] = mapped_column(String(16), default=EmailState.PENDING)
    # Counts the times that it was claimed, so it also tells one claim from the next.
    attempts: Mapped[int] = mapped_column(default=0)
    # From here on the sweeper may take it: because nobody has, because a retry is due, or
    # because whoever was sending it must have died.
    next_try_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=lambda: now() + NOTIFY_PERIOD
    )
    last_error: Mapped[str] = mapped_column(Text, default="")
    # It waits until someone mends what keeps every mail from going: a refused password, say.
    needs_operator: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The job that has claimed it, if any: run again, it may take up what it left.
    claimed_by: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Of the page that caused it: log lines of the worker have it too.
    request_id: Mapped[str] = mapped_column(String(64), default="", server_default="")
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"<EmailMessage {self.id} {self.message} {self.state}>"

    @staticmethod
    def count_since(
        recipient: str | InstrumentedAttribute[str], message: str, since: datetime
    ) -> Select[int]:
        """Select how many mails of a kind were written to an address after `since`."""
        return (
            select(func.count())
            .select_from(EmailMessage)
            .where(
                EmailMessage.recipient == recipient,
                EmailMessage.message == message,
                EmailMessage.created_at > since,
            )
        )

    @staticmethod
    def next_new() -> Select[int]:
        """Select the id of the mail whose first try is next, and lock it.

        That is the one that waits longest, those of many only when there is no other. One that
        another worker has locked is passed over.
        """
        query = select(EmailMessage.id).where(NEW).order_by(EmailMessage.is_bulk, EmailMessage.id)
        return query.limit(1).with_for_update(skip_locked=True)

    @staticmethod
    def due(at: datetime) -> Select[int]:
        """Select the ids of the mails that the sweeper should take, those due longest first.

        Those of many come after all others.
        """
        return (
            select(EmailMessage.id)
            .where(
                EmailMessage.state.in_([EmailState.PENDING, EmailState.SENDING]),
                EmailMessage.next_try_at <= at,
            )
            .order_by(EmailMessage.is_bulk, EmailMessage.next_try_at, EmailMessage.id)
        )
