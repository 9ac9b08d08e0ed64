"""Mails that tell users of changes of their passkeys."""

from __future__ import annotations

from app.emails.facts import page_links, user_of
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.models import User


def send_passkeys_changed(user: User, change: str, name: str = "") -> EmailMessage:
    """Write a mail about a change: added, removed, copied, wanted, not_wanted or reset."""
    return add("passkeys_changed", user.email, user, change=change, name_of_passkey=name)


@message(
    "We tell you whenever the way you sign in changes.",
    sample={"change": "added", "name_of_passkey": "Firefox on Linux"},
)
def _passkeys_changed(row: EmailMessage) -> Values:
    context = row.context
    values = {"change": context["change"], "passkey": context["name_of_passkey"]}
    return values | {"user": user_of(row), **page_links()}
