"""Note what mail services report, and keep the list of addresses that get no mail."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.bounces.models import Reason, SuppressedAddress
from app.features.bounces.reports import MailReport
from app.kit import audit
from app.kit.database import now
from app.kit.mail import recipients
from app.kit.mail.email_message import EmailState
from app.kit.names import EMAIL_LENGTH
from app.models import AuditEvent, User
from app.services import policy

logger = logging.getLogger(__name__)

MAIL_SERVICE = "mail service"  # the actor of a report, in the audit trail
ALLOWED = "suppression.removed"


class AlreadySuppressed(Exception):
    """No mail goes to this address already."""


class AddressGone(Exception):
    """The address is not in the list. Perhaps another request removed it."""


def note(reports: Iterable[MailReport], *, service: str) -> int:
    """Set the mails of the reports to bounced or complained, and return their number.

    No more mail goes to an address that complained, or that will not take the next mail either.
    Reports on other mail than the app's are skipped: a mail service may serve several apps. A
    report may arrive twice, and also after an administrator has allowed the address again.
    """
    noted, provenance = 0, {"by_label": MAIL_SERVICE, "service": service}
    for report in reports:
        email = recipients.find_sent(report.recipient, report.message_id, before=report.at)
        if email is None:
            logger.info("a report of %s is about no mail of this app", service)
            continue
        state = EmailState.COMPLAINED if report.is_complaint else EmailState.BOUNCED
        told = report.detail or "The mail service gave no reason."
        noted += 1
        if is_new := recipients.note_report(email, state, told):
            db.session.commit()
            logger.warning("email %s %s: %s", email.id, state, told)
        is_last = report.is_complaint or report.is_lasting
        # A service may report thousands of times, and repeats what it got no answer to in time.
        if is_last and find(report.recipient) is None and not _is_settled(report, is_new=is_new):
            reason = Reason.COMPLAINED if report.is_complaint else Reason.BOUNCED
            with suppress(AlreadySuppressed):
                _add(report.recipient, reason, told, by=None, **provenance)
    return noted


def _is_settled(report: MailReport, *, is_new: bool) -> bool:
    """Tell whether an administrator allowed the address after the event that is reported.

    A report without a time counts as older, unless it is the first report on its mail.
    """
    allowed = select(func.max(AuditEvent.at)).where(
        AuditEvent.action == ALLOWED, AuditEvent.subject_label == report.recipient
    )
    at = db.session.scalar(allowed)
    if at is None:
        return False
    return not is_new if report.at is None else report.at < at


def add(email: str, detail: str, *, by: User) -> SuppressedAddress:
    """Send no more mail to an address. Raises AlreadySuppressed and InsufficientPrivileges.

    Otherwise a user with fewer permissions could keep warnings and links from an administrator.
    """
    owner = User.by_email(email)
    if owner is not None:
        policy.ensure_may_manage(by, owner.role)
    return _add(email, Reason.STOPPED, detail, by=by)


def _add(
    email: str, reason: Reason, detail: str, *, by: User | None, **details: Any
) -> SuppressedAddress:
    row = SuppressedAddress(email=email, reason=reason, detail=detail)
    db.session.add(row)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise AlreadySuppressed from None
    audit.record("suppression.added", by=by, subject=row, reason=str(reason), **details)
    db.session.commit()
    return row


def remove(address_id: int, *, by: User) -> str:
    """Allow mail to an address again, and return the address. Raises AddressGone.

    Mails that were not sent stay cancelled, because their links may be old.
    """
    row = db.session.get(SuppressedAddress, address_id)
    gone = delete(SuppressedAddress).where(SuppressedAddress.id == address_id)
    found = db.session.scalar(gone.returning(SuppressedAddress.email))
    if row is None or found is None:
        db.session.rollback()
        raise AddressGone
    audit.record(ALLOWED, by=by, subject=row, reason=row.reason)
    db.session.commit()
    return found


def find(email: str) -> SuppressedAddress | None:
    """Return the row of an address that gets no mail."""
    if len(email) > EMAIL_LENGTH:
        return None
    return db.session.scalar(select(SuppressedAddress).where(SuppressedAddress.email == email))


def reasons_against(emails: Collection[str]) -> dict[str, str]:
    """Return the suppressed addresses among `emails`, each with the reason."""
    short = [email for email in emails if len(email) <= EMAIL_LENGTH]
    rows = select(SuppressedAddress).where(SuppressedAddress.email.in_(short))
    return {row.email: row.words for row in db.session.scalars(rows)}


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(SuppressedAddress)) or 0


def purge() -> int:
    """Delete addresses after KEEP_SUPPRESSED_ADDRESSES days, and return their number.

    A mailbox may exist again by then. If it does not, the next mail to it comes back.
    """
    before = now() - timedelta(days=current_app.config["KEEP_SUPPRESSED_ADDRESSES"])
    gone = delete(SuppressedAddress).where(SuppressedAddress.created_at < before)
    deleted = len(db.session.scalars(gone.returning(SuppressedAddress.id)).all())
    db.session.commit()
    return deleted
