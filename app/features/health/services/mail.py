"""Check that mail is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, func, select

from app.extensions import db
from app.features.health.services.check import Check, time_since
from app.kit import outgoing
from app.kit.database import now
from app.kit.mail import recipients
from app.kit.mail.email_message import ON_THEIR_WAY, EmailMessage, EmailState

LATE_AFTER = timedelta(minutes=10)
FAILURES_COUNT_FOR = timedelta(days=1)
RETURNED = (EmailState.BOUNCED, EmailState.COMPLAINED)
# A few wrong addresses need no fix. Amazon SES looks into accounts from these shares on:
# how many in a day at least, and one of how many.
TOO_MANY = {EmailState.BOUNCED: (10, 20), EmailState.COMPLAINED: (3, 1_000)}


def goes_out() -> Check:
    transport = current_app.config["MAIL_TRANSPORT"]
    if transport == "smtp" and not current_app.config["MAIL_SERVER"]:
        return Check(
            "mail",
            problem="Mail cannot be sent, because no mail server is set.",
            hint="Set MAIL_SERVER, MAIL_USERNAME and MAIL_PASSWORD.",
        )
    return (
        _held()
        or _stuck()
        or Check("mail", "Goes out" if transport == "smtp" else "Kept for development")
    )


def comes_back() -> Check:
    """Check how many mails came back, or were reported as spam, in the last day."""
    since = now() - FAILURES_COUNT_FOR
    numbers = (
        select(EmailMessage.state, func.count())
        .where(EmailMessage.state.in_(RETURNED), EmailMessage.sent_at > since)
        .group_by(EmailMessage.state)
    )
    found = {EmailState(state): count for state, count in db.session.execute(numbers)}
    for state, (least, share) in TOO_MANY.items():
        count = found.get(state, 0)
        if count >= least and _sent(since, most=count * share) < count * share:
            what = "came back" if state == EmailState.BOUNCED else "were reported as spam"
            return Check(
                "returned mail",
                problem=f"{_mails(count)} of the last day {what}.",
                hint="Open Mail in the admin area for the reasons of the mail service, and find "
                "what sends to wrong addresses. The service may stop accepting your mail.",
            )
    back = _mails(sum(found.values())) if found else "None"
    suppressed = recipients.count_suppressed()
    return Check(
        "returned mail", f"{back} in a day" + (f", {suppressed:,} suppressed" if suppressed else "")
    )


def _sent(since: datetime, *, most: int) -> int:
    """Count the mails that went out after a time, up to `most`."""
    some = select(EmailMessage.id).where(EmailMessage.sent_at > since).limit(most)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _held() -> Check | None:
    hold = outgoing.current_hold()
    if hold is None:
        return None
    return Check(
        "mail",
        problem=f"Outgoing messages are held: {hold.reason}",
        hint="When this copy may send to real users, run `python manage.py mail release`.",
    )


def _stuck() -> Check | None:
    at = now()
    if refused := _refused():
        return refused
    late, since = _count(ON_THEIR_WAY, EmailMessage.next_try_at < at - LATE_AFTER)
    if since is not None:
        return Check(
            "mail",
            problem=f"{_mails(late)} should have been sent by now, the first {time_since(since)}.",
            hint="Check that a worker runs (`python manage.py run_worker`), and read its log.",
        )
    # A failed mail keeps the time at which its last attempt would have timed out.
    failed, _ = _count([EmailState.FAILED], EmailMessage.next_try_at > at - FAILURES_COUNT_FOR)
    if failed:
        return Check(
            "mail",
            problem=f"{_mails(failed)} could not be sent in the last day.",
            hint="Open Mail in the admin area to see why, and send them again.",
        )
    return None


def _refused() -> Check | None:
    """Check for mails that wait for an operator, because the server refuses all mail."""
    error = db.session.scalar(
        select(EmailMessage.last_error)
        .where(EmailMessage.waits_for_operator())
        .order_by(EmailMessage.next_try_at.desc())
        .limit(1)
    )
    if error is None:
        return None
    return Check(
        "mail",
        problem=f"The mail server refuses all mail of the app: {error}",
        hint="Correct MAIL_USERNAME, MAIL_PASSWORD and the other mail settings, and restart the "
        "worker. It then sends the waiting mails.",
    )


def _count(
    states: Sequence[EmailState], condition: ColumnElement[bool]
) -> tuple[int, datetime | None]:
    """Return the number of matching mails, and the due time of the earliest."""
    query = select(func.count(), func.min(EmailMessage.next_try_at))
    count, first = db.session.execute(query.where(EmailMessage.state.in_(states), condition)).one()
    return count, first


def _mails(count: int) -> str:
    return f"{count:,} mail" if count == 1 else f"{count:,} mails"
