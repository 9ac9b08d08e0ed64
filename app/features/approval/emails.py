"""Mails about registrations that wait, are approved or refused."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from app.emails.facts import page_links, user_of
from app.kit.mail.conditions import require
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add, add_to
from app.kit.web.links import external_url
from app.models import User


def send_registration_approved(user: User) -> EmailMessage:
    return add("registration_approved", user.email, user)


@message("You registered, and wanted to know when you can start.")
def _registration_approved(row: EmailMessage) -> Values:
    user = user_of(row)
    require(row, not user.is_suspended, "the account is suspended")
    return {"user": user, **page_links()}


def send_registration_refused(user: User, reason: str) -> EmailMessage:
    return add("registration_refused", user.email, user, reason=reason)


@message(
    "You registered, and wanted to know whether you can start.",
    sample={"reason": "Only members of the club can have an account."},
)
def _registration_refused(row: EmailMessage) -> Values:
    return {"user": user_of(row), "refusal": row.context["reason"]}


def send_registrations_waiting(user: User, *, count: int) -> EmailMessage:
    return add("registrations_waiting", user.email, user, count=count)


def send_registrations_waiting_to(condition: ColumnElement[bool], *, count: int) -> None:
    """Write the mail to every user that the condition selects."""
    add_to(condition, "registrations_waiting", table=User, count=count)


@message("Your role lets you approve registrations.", sample={"count": 3})
def _registrations_waiting(row: EmailMessage) -> Values:
    count = row.context["count"]
    words = "1 registration waits" if count == 1 else f"{count:,} registrations wait"
    return {"user": user_of(row), "words": words, "link": external_url("admin.registrations")}
