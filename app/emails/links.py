"""Mails with a link that contains a token."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from app.emails.facts import user_by_address, user_of, user_still_at
from app.kit.mail.conditions import become_newest, require
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import LINK_LIFETIMES, Values, message
from app.kit.mail.writing import add, add_to
from app.kit.web.links import external_url
from app.models import User


def send_confirm(user: User) -> EmailMessage:
    return add("confirm", user.email, user)


@message(
    "Someone made an account with this address. If it was not you, ignore this mail.",
    sample_user={"confirmed": False},
)
def _confirm(row: EmailMessage) -> Values:
    user = user_still_at(row)
    require(row, not user.confirmed, "the address is confirmed already")
    lifetime, expires = LINK_LIFETIMES["confirm"]
    link = external_url("account.confirm", token=user.generate_confirmation_token(lifetime))
    return {"user": user, "link": link, "expires": expires}


def send_change_email(user: User, new_email: str) -> EmailMessage:
    return add("change_email", new_email, user, new_email=new_email)


@message(
    "Someone asked to use this address for their account. If it was not you, ignore this mail.",
    sample={"new_email": "ada@new.example.com"},
)
def _change_email(row: EmailMessage) -> Values:
    user = user_of(row)
    new_email = row.context["new_email"]
    is_wanted = user.pending_email == new_email
    require(row, is_wanted, "another address was asked for since, or none")
    lifetime, expires = LINK_LIFETIMES["change_email"]
    token = user.generate_email_change_token(new_email, lifetime)
    link = external_url("account.change_email", token=token)
    return {"user": user, "link": link, "expires": expires, "new_email": new_email}


def send_reset_password(email: str) -> EmailMessage:
    """Write the mail even if no user has this email, so that both cases take the same time."""
    return add("reset_password", email)


def send_reset_password_to(condition: ColumnElement[bool]) -> int:
    """Write the mail to every user that the condition selects, and return their number."""
    return add_to(condition, "reset_password", table=User)


@message(
    "Someone asked to reset the password of the account with this address. If it was not you, "
    "ignore this mail: your password stays as it is."
)
def _reset_password(row: EmailMessage) -> Values:
    user = user_by_address(row)
    require(row, not user.is_suspended, "the account is suspended")
    become_newest(row, user, "reset_message_id")
    # Lock the user before their mails, as every change of a user does, to prevent deadlocks.
    row.user_id = user.id
    lifetime, expires = LINK_LIFETIMES["reset_password"]
    token = user.generate_password_reset_token(lifetime)
    link = external_url("account.reset_password", token=token)
    return {"user": user, "link": link, "expires": expires}
