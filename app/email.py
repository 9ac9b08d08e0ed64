"""Sending a mail of one's own: templates, a recipient, and one call."""

from typing import Any

from app import emails
from app.kit.mail import outbox
from app.models import EmailMessage


def send_email(recipient: str, subject: str, template: str, **kwargs: Any) -> EmailMessage:
    """Queue a mail rendered from `template`.txt and `template`.html with `kwargs`.

    Commits the session: the mail is stored together with whatever the caller has changed. Values
    must be JSON, or users. A link with a token does not belong here, because the outbox keeps the
    values: make it a message in app/emails/links.py, whose links are made when it is sent.
    """
    row = emails.send_custom(recipient, subject, template, kwargs)
    outbox.commit_and_notify(row)
    return row
