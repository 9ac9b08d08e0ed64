"""Where the feature plugs into pages of others."""

from typing import Any

from app.extensions import db
from app.kit import slots
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import Permission


@slots.subject_page("emailmessage", "admin.email")
def arguments_of_page(email_id: int) -> dict[str, Any] | None:
    return {"email_id": email_id} if db.session.get(EmailMessage, email_id) else None


@slots.card(Permission.MANAGE_JOBS, template="partials/_mail_card.html", column="narrow", order=20)
def mail_card() -> slots.Values:
    return {"mail": outbox.statistics()}
