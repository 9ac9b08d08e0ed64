"""Render the rows of the outbox as mails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import current_app
from jinja2 import TemplateError

from app.kit import tokens
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import (
    MESSAGES,
    PreviewedEmail,
    RenderedEmail,
    Values,
    custom_values,
    picture_of,
)
from app.kit.mail.templates import one_line, show


def render(row: EmailMessage, *, is_preview: bool = False) -> RenderedEmail:
    """Render the mail of an outbox row with fresh links. The caller commits before sending it.

    Raises Cancelled if the mail is no longer needed: the user is deleted, or a newer link was
    requested.
    """
    if row.message != "custom":
        values = MESSAGES[row.message].values(row)
        picture = b"" if is_preview else _picture_for(row.recipient, values)
        return present(
            row.message, row.recipient, values, message_id=row.message_id, picture=picture
        )
    source = row.context["template"]
    values = _with_common_values(row.recipient, custom_values(row))
    return _made(
        row.recipient,
        row.context["subject"],
        show(f"{source}.txt", values),
        show(f"{source}.html", values),
        row.message_id,
    )


def present(
    name: str, recipient: str, values: Values, *, message_id: str = "", picture: bytes = b""
) -> RenderedEmail:
    """Render the mail called `name` from the given values, without a query."""
    called = {"name": _name_for(recipient, values), "reason": MESSAGES[name].reason}
    initials = values["user"].initials if _is_own(recipient, values) else ""
    called |= {"has_picture": "yes" if picture else "", "initials": initials}
    values = _with_common_values(recipient, called | values)
    subject, text, html = (
        show(f"emails/{name}/{part}", values) for part in ("subject.txt", "body.txt", "body.html")
    )
    return replace(_made(recipient, subject, text, html, message_id), picture=picture)


def _picture_for(recipient: str, values: Values) -> bytes:
    """Return the picture of the recipient. An unconfirmed address may be that of a stranger."""
    return picture_of(values["user"]) if _is_own(recipient, values) else b""


def _is_own(recipient: str, values: Values) -> bool:
    """Tell whether a mail is to its user, at the email that they have confirmed."""
    user = values.get("user")
    return user is not None and user.confirmed and user.email == recipient


def _name_for(recipient: str, values: Values) -> str:
    """Return the name for the salutation, or "" if the user has not confirmed this email.

    Otherwise a stranger could enter text as a name and have it mailed to any email address.
    """
    return str(values["user"].full_name()) if _is_own(recipient, values) else ""


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
    previewed: Any = PreviewedEmail(
        row.id, row.message, row.recipient, row.user_id, dict(row.context), row.message_id
    )
    with tokens.withheld():
        return render(previewed, is_preview=True)


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
