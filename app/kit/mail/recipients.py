"""Suppress mail to addresses that do not accept it, and record the reports of mail services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select, update

from app.extensions import db
from app.kit.database import now
from app.kit.mail.email_message import SENT_STATES, EmailMessage, EmailState
from app.kit.mail.registry import Cancelled

FindReason = Callable[[str], str]
_checks: list[FindReason] = []

REPORTABLE = (EmailState.SENDING, EmailState.SENT)


def suppression_check(find_reason: FindReason) -> FindReason:
    """Call the decorated function with the recipient of each mail, before it is sent.

    It returns why no mail goes to this address, or "".
    """
    _checks.append(find_reason)
    return find_reason


def refuse_suppressed(recipient: str) -> None:
    """Raise Cancelled if a check has a reason against mail to this address."""
    if reason := next(filter(None, (check(recipient) for check in _checks)), ""):
        raise Cancelled(reason)


def find_sent(recipient: str, message_id: str, *, before: datetime | None) -> EmailMessage | None:
    """Return the mail of a report: by its Message-ID (RFC 5322, section 3.6.4).

    Without one, as from a service that reports an id of its own, it is the last mail to this
    address. `before` is the time of the report, if it names one: a later mail cannot be meant.
    """
    to_them = select(EmailMessage).where(EmailMessage.recipient == recipient)
    if message_id:
        return db.session.scalar(to_them.where(EmailMessage.message_id == message_id))
    taken = to_them.where(EmailMessage.state.in_([EmailState.SENDING, *SENT_STATES]))
    if before is not None:
        taken = taken.where(func.coalesce(EmailMessage.sent_at, EmailMessage.created_at) < before)
    newest = taken.order_by(EmailMessage.created_at.desc(), EmailMessage.id.desc())
    return db.session.scalar(newest.limit(1))


def note_report(email: EmailMessage, state: EmailState, reason: str) -> None:
    """Set a mail to `state`, with the reason, unless a report did before. The caller commits.

    A worker that has yet to note that it sent the mail finds the lease gone, and changes nothing.
    """
    db.session.execute(
        update(EmailMessage)
        .where(EmailMessage.id == email.id, EmailMessage.state.in_(REPORTABLE))
        .values(
            state=state,
            last_error=reason,
            sent_at=func.coalesce(EmailMessage.sent_at, now()),
        )
        .execution_options(synchronize_session=False)
    )
