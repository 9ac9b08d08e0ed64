"""Find the user of a mailed link, and limit the mails with links."""

from collections.abc import Callable
from datetime import timedelta

from app import emails
from app.extensions import db
from app.kit import tokens
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import User

HOUR = timedelta(hours=1)
LINKS_AN_HOUR = 5  # mails of one kind to one recipient


class LinkRefused(Exception):
    """Raised if a link is expired, used or invalid. The visitor is not told which."""


def find_by_token(purpose: str, token: str) -> User:
    """Return the user of a token that is still valid. Raises LinkRefused."""
    content = tokens.read(purpose, token)
    user = db.session.get(User, content.user_id) if content else None
    if user is None or not user.accepts(purpose, token):
        raise LinkRefused
    return user


def lock_by_token(purpose: str, token: str) -> User:
    """Lock and return the token's user. Raises LinkRefused.

    If two requests use the token at once, the second waits and is then refused.
    """
    content = tokens.read(purpose, token)
    user = content and db.session.get(
        User, content.user_id, with_for_update={"of": User}, populate_existing=True
    )
    if not user or not user.accepts(purpose, token):
        db.session.rollback()
        raise LinkRefused
    return user


def send_sparingly(
    send: Callable[..., EmailMessage], to: User | str, *, limit: int = LINKS_AN_HOUR
) -> None:
    """Commit, and queue the mail unless `limit` of its kind went to the recipient within an hour.

    The visitor is not told which, because a stranger must not learn about mail to others.
    """
    if is_throttled(send, to.email if isinstance(to, User) else to, limit=limit):
        db.session.commit()
    else:
        outbox.commit_and_notify(send(to))


def is_throttled(send: Callable[..., EmailMessage], recipient: str, *, limit: int) -> bool:
    """Tell whether `limit` mails of this kind went to the recipient within an hour."""
    return outbox.is_throttled(recipient, send.__name__.removeprefix("send_"), limit, HOUR)


def notice_to(owner: User | None) -> Callable[[str], EmailMessage]:
    """Return the function that tells an owner that their account exists or is deleted."""
    is_deleted = owner is not None and owner.is_deleted
    return emails.send_address_reserved if is_deleted else emails.send_already_registered
