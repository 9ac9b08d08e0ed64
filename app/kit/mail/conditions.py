"""Check when a message is sent that it is still needed, and is the newest of its kind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Cancelled, PreviewedEmail


def require(row: EmailMessage, holds: bool, otherwise: str) -> None:
    """Raise Cancelled if `holds` is false, except in previews."""
    if not holds and not isinstance(row, PreviewedEmail):
        raise Cancelled(otherwise)


def of_sample(row: EmailMessage) -> Any:
    """Return the user of a sample, who is not in the database, or None."""
    return row.user if isinstance(row, PreviewedEmail) else None


def become_newest(row: EmailMessage, user: Any, column: str) -> None:
    """Bind the links of one kind to this mail, so that links in earlier mails stop working.

    Raises Cancelled if a newer mail was sent first. The UPDATE checks this in one statement,
    because two workers may send one mail each at the same time.
    """
    if isinstance(row, PreviewedEmail):
        return
    model = type(user)
    newest = getattr(model, column)
    changed = db.session.execute(
        update(model)
        .where(model.id == user.id, or_(newest.is_(None), newest <= row.id))
        .values({column: row.id})
        .execution_options(synchronize_session=False)
        .returning(model.id)
    )
    if changed.first() is None:
        raise Cancelled("a newer one was asked for")
    db.session.refresh(user)


def refuse_overtaken(row: EmailMessage, *kinds: str) -> None:
    """Raise Cancelled for a mail in bulk if a newer mail of `kinds` is sent before it.

    Otherwise the older mail would arrive last, and the user would take it for the present state.
    """
    if isinstance(row, PreviewedEmail) or not row.is_bulk:
        return
    newer = select(EmailMessage.id).where(
        EmailMessage.recipient == row.recipient,
        EmailMessage.message.in_(kinds),
        EmailMessage.id > row.id,
        ~EmailMessage.is_bulk,
    )
    found = db.session.scalar(newer.limit(1))
    require(row, found is None, "it was overtaken by a newer one")


def date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
