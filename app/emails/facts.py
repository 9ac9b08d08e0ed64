"""Find the user of a message when it is sent."""

from __future__ import annotations

from app.extensions import db
from app.kit.mail.conditions import of_sample, require
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Cancelled, Values
from app.kit.web.links import external_url
from app.models import User


def user_of(row: EmailMessage, *, has_account: bool = False) -> User:
    user = of_sample(row) or (db.session.get(User, row.user_id) if row.user_id else None)
    if user is None:
        raise Cancelled("the account no longer exists")
    require(row, not user.is_deleted, "the account was deleted")
    require(row, not (has_account and user.is_invited), "the invitation is not accepted yet")
    return user


def user_still_at(row: EmailMessage) -> User:
    """Return the user of the mail, or raise Cancelled if their email has changed.

    A link must not go to a former email of the user.
    """
    user = user_of(row)
    require(row, user.email == row.recipient, "the account has another address by now")
    return user


def user_by_address(row: EmailMessage) -> User:
    user = of_sample(row) or User.by_email(row.recipient)
    if user is None:
        raise Cancelled("nobody has this address")
    require(row, not user.is_deleted, "the account was deleted")
    return user


def page_links() -> Values:
    return {
        "login_link": external_url("account.login"),
        "reset_link": external_url("account.reset_password_request"),
    }
