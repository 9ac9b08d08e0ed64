"""Define the outbox: a row for each mail, committed together with the change that causes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    and_,
    false,
    func,
    select,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.kit.database.planning import without_index

# A new row is left to the notified worker for this long before the sweeper takes it.
NOTIFY_PERIOD = timedelta(seconds=60)

# No worker has leased the mail yet. A query must repeat this text to use the partial index.
NEW = text("state = 'pending' AND attempts = 0")


class EmailState(StrEnum):
    """The delivery state of a mail."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    # The mail server took the mail, and the mail service reported later that it came back, or that
    # its recipient called it spam.
    BOUNCED = "bounced"
    COMPLAINED = "complained"


# A mail server accepted these mails, so the worker does not send them again.
SENT_STATES = (EmailState.SENT, EmailState.BOUNCED, EmailState.COMPLAINED)
ON_THEIR_WAY = (EmailState.PENDING, EmailState.SENDING)


class EmailMessage(db.Model):
    """A mail to send, or one that was sent.

    The row holds the values for rendering the mail and never a link with a token, because links are
    made when the mail is sent. `message_id` stays the same for every attempt, so that a mail client
    can tell a second copy from a second mail.
    """

    __tablename__ = "email_messages"
    # Ids only grow and are never reused, so the newest mail of a kind has the largest id.
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
    # The subject is set when the mail is first rendered.
    subject: Mapped[str] = mapped_column(Text, default="")

    # The mail belongs to a bulk action. Mails that a single user waits for are sent first.
    is_bulk: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[str] = mapped_column(String(16), default=EmailState.PENDING)
    # Each lease increments this number, so it also identifies the lease.
    attempts: Mapped[int] = mapped_column(default=0)
    # The sweeper may take the mail from this time on: no worker has taken it, a retry is due, or
    # its worker has died.
    next_try_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=lambda: now() + NOTIFY_PERIOD
    )
    last_error: Mapped[str] = mapped_column(Text, default="")
    # The mail waits until an operator fixes what stops all mails: a refused password, say.
    needs_operator: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The job that leased the mail, if any. When the job runs again, it may resume the mail.
    claimed_by: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # The id of the request that caused the mail. The worker's log lines carry it too.
    request_id: Mapped[str] = mapped_column(String(64), default="", server_default="")
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"<EmailMessage {self.id} {self.message} {self.state}>"

    @staticmethod
    def waits_for_operator() -> ColumnElement[bool]:
        """Return the condition that a mail waits until an operator fixes what stops all mails."""
        # Many mails may be on their way. Few need an operator, and a partial index covers these.
        on_their_way = without_index(EmailMessage.state).in_(ON_THEIR_WAY)
        return and_(EmailMessage.needs_operator, on_their_way)

    @staticmethod
    def count_since(
        recipient: str | InstrumentedAttribute[str], message: str, since: datetime
    ) -> Select[int]:
        """Select the number of mails of a kind to one email address after `since`."""
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
        """Select and lock the id of the oldest mail without an attempt.

        Mails of bulk actions come last. Mails that another worker has locked are skipped.
        """
        query = select(EmailMessage.id).where(NEW).order_by(EmailMessage.is_bulk, EmailMessage.id)
        return query.limit(1).with_for_update(skip_locked=True)

    @staticmethod
    def due(at: datetime) -> Select[int]:
        """Select the ids of the mails that are due, longest due first.

        Mails of bulk actions come after all others.
        """
        return (
            select(EmailMessage.id)
            .where(
                EmailMessage.state.in_(ON_THEIR_WAY),
                EmailMessage.next_try_at <= at,
            )
            .order_by(EmailMessage.is_bulk, EmailMessage.next_try_at, EmailMessage.id)
        )
