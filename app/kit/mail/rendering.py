"""Render the rows of the outbox as mails."""

from __future__ import annotations

from typing import Any

from flask import current_app
from jinja2 import TemplateError

from app.kit import tokens
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import MESSAGES, Copy, RenderedEmail, Values, custom_values
from app.kit.mail.templates import one_line, show


def render(row: EmailMessage) -> RenderedEmail:
    """Render the mail of an outbox row with fresh links. The caller commits before sending it.

    Raises Cancelled if the mail is no longer needed: the user is deleted, or a newer link was
    requested.
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
    """Render the mail called `name` from the given values, without a query."""
    called = {"name": _name_for(recipient, values), "reason": MESSAGES[name].reason}
    values = _with_common_values(recipient, called | values)
    subject, text, html = (
        show(f"emails/{name}/{part}", values) for part in ("subject.txt", "body.txt", "body.html")
    )
    return _made(recipient, subject, text, html, message_id)


def _name_for(recipient: str, values: Values) -> str:
    """Return the name for the salutation, or "" if the user has not confirmed this email.

    Otherwise a stranger could enter text as a name and have it mailed to any email address.
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
    """Render the mail of a row for a preview, without tokens and without a write.

    The mail may no longer be needed. Raises Cancelled if the rows that it needs are deleted.
    """
    copy: Any = Copy(
        row.id, row.message, row.recipient, row.user_id, dict(row.context), row.message_id
    )
    with tokens.withheld():
        return render(copy)


def subject_of(row: EmailMessage) -> str:
    """Return the subject of a mail. Before the first rendering, derive it from the row alone."""
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
