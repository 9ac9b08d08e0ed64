"""Send a mail of your own with one call, from templates and a recipient."""

from typing import Any

from app import emails
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage


def send_email(recipient: str, subject: str, template: str, **kwargs: Any) -> EmailMessage:
    """Queue a mail rendered from `template`.txt and `template`.html with `kwargs`.

    Commits the session, so the mail is stored together with the caller's changes. Values must be
    JSON or users. Do not pass links with tokens, because the outbox keeps the values. Write a
    message in app/emails/links.py instead: its links are created when the mail is sent.
    """
    row = emails.send_custom(recipient, subject, template, kwargs)
    outbox.commit_and_notify(row)
    return row
