"""Let a hold keep back the mails of the outbox."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, update

from app.extensions import db
from app.kit.mail import outbox
from app.kit.mail.email_message import ON_THEIR_WAY, EmailMessage, EmailState
from app.kit.outgoing import outgoing


def count_waiting() -> int:
    return outbox.statistics()["pending"]


def cancel_older(before: datetime) -> int:
    """Cancel the mails that were written before a time and are not sent. The caller commits.

    A mail that a worker was sending is among them: that worker belongs to the original database.
    """
    result = db.session.execute(
        update(EmailMessage)
        .where(
            EmailMessage.state.in_(ON_THEIR_WAY),
            EmailMessage.created_at < before,
        )
        .values(state=EmailState.CANCELLED, last_error="an operator cancelled it after a restore")
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount


outgoing("mails", waiting=count_waiting, cancel=cancel_older, task="drain_outbox")
