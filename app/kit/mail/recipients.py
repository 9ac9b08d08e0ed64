"""Suppress mail to addresses that do not accept it, and record the reports of mail services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from app.extensions import db
from app.kit.database import now
from app.kit.mail.email_message import SENT_STATES, EmailMessage, EmailState
from app.kit.mail.registry import Cancelled

REPORTABLE = (EmailState.SENDING, EmailState.SENT)


@dataclass(frozen=True)
class SuppressionList:
    """Addresses that get no mail."""

    reasons: Callable[[Collection[str]], Mapping[str, str]]
    """Return those of some addresses that are in the list, each with the reason."""
    count: Callable[[], int]


_lists: list[SuppressionList] = []


def suppression_list(
    reasons: Callable[[Collection[str]], Mapping[str, str]], *, count: Callable[[], int]
) -> None:
    """Keep mail from the addresses of a list, which is asked before each mail is sent."""
    _lists.append(SuppressionList(reasons, count))


def reasons_against(emails: Collection[str]) -> dict[str, str]:
    """Return those of some addresses that get no mail, each with the reason."""
    found: dict[str, str] = {}
    for one in _lists if emails else ():
        found.update(one.reasons(emails))
    return found


def count_suppressed() -> int:
    """Return how many addresses get no mail."""
    return sum(one.count() for one in _lists)


def refuse_suppressed(recipient: str) -> None:
    """Raise Cancelled if a list has a reason against mail to this address."""
    if reason := reasons_against([recipient]).get(recipient):
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


def note_report(email: EmailMessage, state: EmailState, reason: str) -> bool:
    """Set a mail to `state`, with the reason, unless a report did before. The caller commits.

    Return whether it did. A worker that has yet to note that it sent the mail finds the lease gone,
    and changes nothing.
    """
    if email.state not in REPORTABLE:
        return False
    noted = db.session.scalar(
        update(EmailMessage)
        .where(EmailMessage.id == email.id, EmailMessage.state.in_(REPORTABLE))
        .values(
            state=state,
            last_error=reason,
            sent_at=func.coalesce(EmailMessage.sent_at, now()),
        )
        .returning(EmailMessage.id)
        .execution_options(synchronize_session=False)
    )
    return noted is not None
