"""Mails from your own templates, queued by `send_email` (app.email)."""

from __future__ import annotations

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, custom_message
from app.kit.mail.templates import environment
from app.kit.mail.writing import add
from app.models import User


def send_custom(recipient: str, subject: str, template: str, values: Values) -> EmailMessage:
    """Write a mail to the outbox, to be rendered from `template`.txt and `template`.html.

    `values` are JSON or users. Users are loaded again when the mail is sent. Do not pass links with
    tokens, because the row stores the values.
    """
    for suffix in ("txt", "html"):
        environment().get_template(f"{template}.{suffix}")
    kept = {
        name: {"user_id": value.id} if isinstance(value, User) else {"value": value}
        for name, value in values.items()
    }
    return add("custom", recipient, subject=subject, template=template, values=kept)


@custom_message
def custom_values(row: EmailMessage) -> Values:
    return {
        name: db.session.get(User, kept["user_id"]) if "user_id" in kept else kept["value"]
        for name, kept in row.context["values"].items()
    }
