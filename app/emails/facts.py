"""What the messages are made from when they are sent."""

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
    """Raise Cancelled unless the mail has a point still, or is only looked at."""
    if not holds and not isinstance(row, Copy):
        raise Cancelled(otherwise)


def user_still_at(row: EmailMessage) -> User:
    """Return the user if the mail still goes to their address; a link must not go elsewhere."""
    user = user_of(row)
    require(row, user.email == row.recipient, "the account has another address by now")
    return user


def of_sample(row: EmailMessage) -> User | None:
    """Return the reader of a sample, whom the database does not know."""
    return row.user if isinstance(row, Copy) else None


def user_by_address(row: EmailMessage) -> User:
    user = of_sample(row) or User.by_email(row.recipient)
    if user is None:
        raise Cancelled("nobody has this address")
    require(row, not user.is_deleted, "the account was deleted")
    return user


def become_newest(row: EmailMessage, user: User, column: str) -> None:
    """Bind the links of one kind to this mail, ending those of earlier ones.

    Raises Cancelled when a newer mail got there first. The update decides, not a look beforehand:
    two workers may have one mail each.
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
    """Raise Cancelled for a mail of many if one of `kinds` was written later and goes before it.

    Whoever reads the two would take the older one for what is so now.
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
