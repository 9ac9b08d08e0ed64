"""Plug the outbox into pages of other modules."""

from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.kit import outgoing, slots
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import Permission, User

MAILS = 10  # mails on the page of a user


@slots.subject_page("emailmessage", "admin.email")
def arguments_of_page(email_id: int) -> dict[str, Any] | None:
    return {"email_id": email_id} if db.session.get(EmailMessage, email_id) else None


@slots.card(Permission.MANAGE_JOBS, template="partials/_mail_card.html", column="narrow", order=20)
def mail_card() -> slots.Values:
    return {"mail": outbox.statistics(), "hold": outgoing.current_hold()}


@slots.user_panel("partials/_user_mails_panel.html", order=20)
def mails_of_user(user: User, _by: User) -> slots.Values:
    newest_first = select(EmailMessage).order_by(EmailMessage.id.desc())
    found = newest_first.where(EmailMessage.user_id == user.id).limit(MAILS)
    return {"emails": list(db.session.scalars(found))}
