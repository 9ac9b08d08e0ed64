"""The mail that tells users of changes of their linked accounts."""

from __future__ import annotations

from app.emails.facts import page_links, user_of
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.models import User


def send_linked_accounts_changed(user: User, change: str, provider: str = "") -> EmailMessage:
    """Write a mail about a change: linked, unlinked, registered or reset."""
    return add("linked_accounts_changed", user.email, user, change=change, label=provider)


@message(
    "We tell you whenever the way you sign in changes.",
    sample={"change": "linked", "label": "Google"},
)
def _linked_accounts_changed(row: EmailMessage) -> Values:
    context = row.context
    values = {"change": context["change"], "provider": context["label"]}
    return values | {"user": user_of(row), **page_links()}
