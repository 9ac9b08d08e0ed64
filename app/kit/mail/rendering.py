"""Making a mail of a row of the outbox."""

from __future__ import annotations

from typing import Any

from flask import current_app
from jinja2 import TemplateError

from app.kit import tokens
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import MESSAGES, Copy, RenderedEmail, Values, custom_values
from app.kit.mail.templates import one_line, show


def render(row: EmailMessage) -> RenderedEmail:
    """Make the mail of an outbox row, with fresh links; the caller commits before sending it.

    Raises Cancelled when it has lost its purpose: the user is gone, say, or a newer link was
    asked for.
    """
    if row.message != "custom":
        values = MESSAGES[row.message].values(row)
        return present(row.message, row.recipient, values, message_id=row.message_id)
    source = row.context["template"]
    values = _with_common_values(row.recipient, custom_values(row))
    return _made(
        row.recipient,
        row.context["subject"],
        show(f"{source}.txt", values),
        show(f"{source}.html", values),
        row.message_id,
    )


def present(name: str, recipient: str, values: Values, *, message_id: str = "") -> RenderedEmail:
    """Make the mail called `name` of values that are at hand, and ask the database nothing."""
    called = {"name": _name_for(recipient, values), "reason": MESSAGES[name].reason}
    values = _with_common_values(recipient, called | values)
    subject, text, html = (
        show(f"emails/{name}/{part}", values) for part in ("subject.txt", "body.txt", "body.html")
    )
    return _made(recipient, subject, text, html, message_id)


def _name_for(recipient: str, values: Values) -> str:
    """Return how the reader is addressed: without a name where nobody has confirmed the address.

    A stranger could otherwise have words of their own mailed to anybody.
    """
    user = values.get("user")
    if user is None or not user.confirmed or user.email != recipient:
        return ""
    return str(user.full_name())


def _with_common_values(recipient: str, values: Values) -> Values:
    config = current_app.config
    common = {"app_name": config["APP_NAME"], "app_url": config["APP_URL"]}
    return {**common, "recipient": recipient, **values}


def _made(recipient: str, subject: str, text: str, html: str, message_id: str) -> RenderedEmail:
    prefix = current_app.config["EMAIL_SUBJECT_PREFIX"]
    return RenderedEmail(recipient, one_line(f"{prefix} {subject}"), text, html, message_id)


def preview(row: EmailMessage) -> RenderedEmail:
    """Make the mail of a row as `render` does, but to be looked at.

    Its links carry no tokens, nothing is written, and it may have lost its purpose. Raises
    Cancelled when what it is made from is gone.
    """
    copy: Any = Copy(
        row.id, row.message, row.recipient, row.user_id, dict(row.context), row.message_id
    )
    with tokens.withheld():
        return render(copy)


def subject_of(row: EmailMessage) -> str:
    """Return the subject; before it has been rendered, as far as the row itself tells it."""
    if row.subject:
        return row.subject
    try:
        if row.message == "custom":
            subject = str(row.context["subject"])
        else:
            values = _with_common_values(row.recipient, row.context)
            subject = show(f"emails/{row.message}/subject.txt", values)
    except (TemplateError, KeyError, TypeError):
        subject = row.message.replace("_", " ").capitalize()
    return one_line(f"{current_app.config['EMAIL_SUBJECT_PREFIX']} {subject}")
