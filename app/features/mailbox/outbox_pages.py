"""List, preview, resend and cancel the mails of the outbox, for administrators."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.kit import audit, queue
from app.kit.database import now
from app.kit.mail import recipients, rendering, writing
from app.kit.mail.dead_links import without_links
from app.kit.mail.email_message import (
    NOTIFY_PERIOD,
    SENT_STATES,
    EmailMessage,
    EmailState,
)
from app.kit.mail.registry import Cancelled
from app.kit.redact import redacted_text
from app.models import User

logger = logging.getLogger(__name__)

RESENT_AT_ONCE = 1000

RESENDABLE = (EmailState.FAILED, EmailState.CANCELLED, *SENT_STATES)
# The next retry may be hours away although the cause is already fixed.
WAITS_FOR_A_RETRY = and_(EmailMessage.state == EmailState.PENDING, EmailMessage.attempts > 0)


class TooLate(Exception):
    """The state of the mail no longer allows the action: a worker or another request was first."""


@dataclass(frozen=True)
class Preview:
    """A rendered mail with its links disabled, or the problem that prevented it."""

    text: str = ""
    html: str = ""
    problem: str = ""


def has_recipient(text: str) -> ColumnElement[bool] | None:
    """Return the condition for a whole email, which an index finds among millions, or None."""
    is_whole = "@" in text.strip("@")
    return EmailMessage.recipient == text.lower() if is_whole else None


def preview(row: EmailMessage) -> Preview:
    """Render a mail with its links disabled. This writes nothing to the database."""
    try:
        rendered = rendering.preview(row)
    except Cancelled as reason:
        return Preview(problem=f"It cannot be shown: {reason}.")
    except SQLAlchemyError:
        raise
    except Exception as error:
        logger.warning("email %s cannot be shown: %r", row.id, error)
        return Preview(problem=f"It cannot be shown: rendering it fails ({type(error).__name__}).")
    return Preview(
        text=redacted_text(rendered.text), html=without_links(redacted_text(rendered.html))
    )


def reason_against(row: EmailMessage) -> str:
    """Return why no mail goes to the recipient, or ""."""
    return recipients.reasons_against([row.recipient]).get(row.recipient, "")


def may_be_resent(row: EmailMessage) -> bool:
    """Tell whether `resend` would accept the mail."""
    waits_for_a_retry = row.state == EmailState.PENDING and row.attempts > 0
    return waits_for_a_retry or row.state in set(RESENDABLE)


def resend(email_id: int, *, by: User) -> None:
    """Queue a mail again that was sent or cancelled, has failed, came back, or waits for a retry.

    The number of attempts starts over. The UPDATE decides a race: of two concurrent requests,
    only one sends a mail. Raises TooLate.
    """
    row = db.session.get(EmailMessage, email_id)
    before = row.state if row else ""
    is_resendable = EmailMessage.state.in_(RESENDABLE) | WAITS_FOR_A_RETRY
    # An administrator waits for this mail, so it does not count as bulk mail.
    ids = _make_pending([email_id], is_resendable, is_bulk=False)
    if row is None or not ids:
        db.session.rollback()
        raise TooLate
    _note("email.resent", row, before, EmailState.PENDING, by)
    db.session.commit()
    queue.enqueue("drain_outbox")


def resend_failed(*, by: User) -> int:
    """Queue up to RESENT_AT_ONCE failed mails again, and return their number."""
    failed = select(EmailMessage.id).where(EmailMessage.state == EmailState.FAILED)
    ids = list(db.session.scalars(failed.order_by(EmailMessage.id).limit(RESENT_AT_ONCE)))
    ids = _make_pending(ids, EmailMessage.state == EmailState.FAILED)
    if not ids:
        db.session.rollback()
        return 0
    audit.record("email.failed_resent", by=by, count=len(ids), first=ids[0], last=ids[-1])
    db.session.commit()
    queue.enqueue("drain_outbox")
    return len(ids)


def cancel(email_id: int, *, by: User) -> None:
    """Cancel a pending mail. Raises TooLate if a worker already has it."""
    changed = db.session.scalar(
        update(EmailMessage)
        .where(EmailMessage.id == email_id, EmailMessage.state == EmailState.PENDING)
        .values(state=EmailState.CANCELLED, last_error="an administrator cancelled it")
        .returning(EmailMessage.id)
        .execution_options(synchronize_session=False)
    )
    row = db.session.get(EmailMessage, email_id) if changed is not None else None
    if row is None:
        db.session.rollback()
        raise TooLate
    _note("email.cancelled", row, EmailState.PENDING, EmailState.CANCELLED, by)
    db.session.commit()


def _make_pending(ids: list[int], condition: ColumnElement[bool], **values: Any) -> list[int]:
    # Mail clients hide duplicates by Message-ID, so a sent mail gets a new one. A failed mail may
    # have arrived all the same, so it keeps its Message-ID.
    identity = case(
        (EmailMessage.state.in_(SENT_STATES), writing.new_message_id()),
        else_=EmailMessage.message_id,
    )
    changed = db.session.scalars(
        update(EmailMessage)
        .where(EmailMessage.id.in_(ids), condition)
        .values(
            state=EmailState.PENDING,
            attempts=0,
            next_try_at=now() + NOTIFY_PERIOD,
            last_error="",
            needs_operator=False,
            claimed_at=None,
            sent_at=None,
            message_id=identity,
            **values,
        )
        .returning(EmailMessage.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(changed)


def _note(action: str, row: EmailMessage, before: str, after: str, by: User) -> None:
    audit.record(
        action,
        by=by,
        subject=row,
        label=row.recipient,
        changes={"state": (str(before), str(after))},
        message=row.message,
    )
