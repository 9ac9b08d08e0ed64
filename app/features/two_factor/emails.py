"""Mails that tell users of changes of their second factor."""

from __future__ import annotations

from datetime import datetime

from app.emails.facts import page_links, user_of
from app.features.two_factor.recovery import FEW
from app.kit.database import now
from app.kit.mail.conditions import date
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.models import User


def send_two_factor_changed(user: User, change: str) -> EmailMessage:
    """Write a mail about a change: enabled, replaced, disabled, reset or renewed."""
    return add("two_factor_changed", user.email, user, change=change)


@message(
    "We tell you whenever the way you sign in changes.",
    sample={"change": "enabled"},
)
def _two_factor_changed(row: EmailMessage) -> Values:
    return {"user": user_of(row), "change": row.context["change"], **page_links()}


def send_recovery_code_used(user: User, left: int) -> EmailMessage:
    """Write a mail about the use of a recovery code, and how many are left."""
    return add("recovery_code_used", user.email, user, left=left, when=now().isoformat())


@message(
    "We tell you whenever a recovery code is used.",
    sample={"left": 3, "when": "2031-03-09T14:05:00+00:00"},
)
def _recovery_code_used(row: EmailMessage) -> Values:
    left, when = row.context["left"], datetime.fromisoformat(row.context["when"])
    said = f"{date(when)} at {when:%H:%M} UTC"
    values = {"user": user_of(row), "left": left, "is_low": left <= FEW, "when": said}
    return values | page_links()
