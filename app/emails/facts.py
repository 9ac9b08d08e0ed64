"""Helpers that load the data of messages when they are sent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select, update

from app.extensions import db
from app.kit.mail.registry import Cancelled, Copy, Values
from app.kit.web.links import external_url
from app.models import EmailMessage, User


def user_of(row: EmailMessage) -> User:
    user = of_sample(row) or (db.session.get(User, row.user_id) if row.user_id else None)
    if user is None:
        raise Cancelled("the account no longer exists")
    require(row, not user.is_deleted, "the account was deleted")
    return user


def require(row: EmailMessage, holds: bool, otherwise: str) -> None:
    """Raise Cancelled if `holds` is false, except in previews."""
    if not holds and not isinstance(row, Copy):
        raise Cancelled(otherwise)


def user_still_at(row: EmailMessage) -> User:
    """Return the user of the mail, or raise Cancelled if their email has changed.

    A link must not go to a former email of the user.
    """
    user = user_of(row)
    require(row, user.email == row.recipient, "the account has another address by now")
    return user


def of_sample(row: EmailMessage) -> User | None:
    """Return the user of a sample, who is not in the database, or None."""
    return row.user if isinstance(row, Copy) else None


def user_by_address(row: EmailMessage) -> User:
    user = of_sample(row) or User.by_email(row.recipient)
    if user is None:
        raise Cancelled("nobody has this address")
    require(row, not user.is_deleted, "the account was deleted")
    return user


def become_newest(row: EmailMessage, user: User, column: str) -> None:
    """Bind the links of one kind to this mail, so that links in earlier mails stop working.

    Raises Cancelled if a newer mail was sent first. The UPDATE checks this in one statement,
    because two workers may send one mail each at the same time.
    """
    if isinstance(row, Copy):
        return
    newest = getattr(User, column)
    changed = db.session.execute(
        update(User)
        .where(User.id == user.id, or_(newest.is_(None), newest <= row.id))
        .values({column: row.id})
        .execution_options(synchronize_session=False)
        .returning(User.id)
    )
    if changed.first() is None:
        raise Cancelled("a newer one was asked for")
    db.session.refresh(user)


def refuse_overtaken(row: EmailMessage, *kinds: str) -> None:
    """Raise Cancelled for a mail in bulk if a newer mail of `kinds` is sent before it.

    Otherwise the older mail would arrive last, and the user would take it for the present state.
    """
    if isinstance(row, Copy) or not row.is_bulk:
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


def page_links() -> Values:
    return {
        "login_link": external_url("account.login"),
        "reset_link": external_url("account.reset_password_request"),
    }
