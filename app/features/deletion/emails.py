"""Mails that tell users that their account is deleted or restored."""

from __future__ import annotations

from datetime import datetime

from app.emails.facts import page_links, user_of
from app.kit.database import now
from app.kit.mail.conditions import date, refuse_overtaken
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.models import User


def send_account_deleted(user: User) -> EmailMessage:
    """Tell the owner that their account is deleted, and until when it can be restored.

    The row does not refer to the user, because the deletion cancels the user's mails.
    """
    until = (user.purge_due_at or now()).isoformat()
    name = user.full_name() if user.confirmed else ""
    return add("account_deleted", user.email, name=name, until=until)


@message(
    "We tell you when your account is deleted.",
    sample={"name": "Ada Lovelace", "until": "2031-04-08T14:05:00+00:00"},
)
def _account_deleted(row: EmailMessage) -> Values:
    refuse_overtaken(row, "account_deleted", "account_restored")
    until = datetime.fromisoformat(row.context["until"])
    return {"user": None, "name": row.context["name"], "until": date(until)}


def send_account_restored(user: User) -> EmailMessage:
    return add("account_restored", user.email, user)


@message("We tell you whenever the state of your account changes.")
def _account_restored(row: EmailMessage) -> Values:
    refuse_overtaken(row, "account_deleted", "account_restored")
    return {"user": user_of(row), **page_links()}
