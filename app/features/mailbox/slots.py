"""Where the feature plugs into pages of others."""

from typing import Any

from app.extensions import db
from app.kit import slots
from app.kit.mail.email_message import EmailMessage


@slots.subject_page("emailmessage", "admin.email")
def arguments_of_page(email_id: int) -> dict[str, Any] | None:
    return {"email_id": email_id} if db.session.get(EmailMessage, email_id) else None
