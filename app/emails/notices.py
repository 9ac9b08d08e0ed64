"""Mails that notify users of a change to their account."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement

from app.emails.facts import page_links, user_by_address, user_of
from app.kit.database import now
from app.kit.mail.conditions import date, of_sample, refuse_overtaken, require
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Cancelled, Values, message
from app.kit.mail.writing import add, add_to
from app.models import User


def send_already_registered(email: str) -> EmailMessage:
    return add("already_registered", email)


@message("Someone tried to use this address for an account. If it was not you, ignore this mail.")
def _already_registered(row: EmailMessage) -> Values:
    user = user_by_address(row)
    row.user_id = user.id
    return {"user": user, **page_links()}


def send_address_reserved(email: str) -> EmailMessage:
    """Tell the owner of a deleted account that a visitor tried to use its email."""
    return add("address_reserved", email)


@message(
    "Someone tried to sign up or to get a new password with this address. If it was not you, "
    "ignore this mail.",
    sample_user={"deleted_at": datetime(2031, 3, 9, tzinfo=UTC)},
)
def _address_reserved(row: EmailMessage) -> Values:
    user = of_sample(row) or User.by_email(row.recipient)
    if user is None:
        raise Cancelled("nobody has this address")
    require(row, user.is_deleted, "the account has been restored")
    due = user.purge_due_at
    return {"user": user, "until": date(due) if due else ""}


def send_account_created(user: User) -> EmailMessage:
    return add("account_created", user.email, user)


@message("An administrator made an account for this address.")
def _account_created(row: EmailMessage) -> Values:
    return {"user": user_of(row), **page_links()}


def send_email_change_requested(user: User, new_email: str) -> EmailMessage:
    """Write a notice to the present email, which stays until the new one is confirmed."""
    return add("email_change_requested", user.email, user, new_email=new_email)


@message(
    "We tell you whenever someone asks to change the address of your account.",
    sample={"new_email": "ada@new.example.com"},
)
def _email_change_requested(row: EmailMessage) -> Values:
    return {"user": user_of(row), "new_email": row.context["new_email"], **page_links()}


def send_email_changed(user: User, *, old_email: str, new_email: str) -> list[EmailMessage]:
    """Write a notice to the old and to the new email."""
    return [
        add("email_changed", recipient, user, old_email=old_email, new_email=new_email)
        for recipient in (old_email, new_email)
    ]


@message(
    "We tell both addresses whenever the address of an account changes.",
    sample={"old_email": "ada@example.com", "new_email": "ada@new.example.com"},
)
def _email_changed(row: EmailMessage) -> Values:
    old_email, new_email = row.context["old_email"], row.context["new_email"]
    return {"user": user_of(row), "old_email": old_email, "new_email": new_email}


def send_password_changed(user: User) -> EmailMessage:
    return add("password_changed", user.email, user, when=now().isoformat())


@message(
    "We tell you whenever the password of your account changes.",
    sample={"when": "2031-03-09T14:05:00+00:00"},
)
def _password_changed(row: EmailMessage) -> Values:
    when = datetime.fromisoformat(row.context["when"])
    said = f"{date(when)} at {when:%H:%M} UTC"
    return {"user": user_of(row), "when": said, **page_links()}


def send_role_changed(user: User) -> EmailMessage:
    return add("role_changed", user.email, user, role_name=user.role.name if user.role else "")


def send_role_changed_to(condition: ColumnElement[bool], *, role_name: str) -> None:
    """Write the mail to every user that the condition selects."""
    add_to(condition, "role_changed", table=User, role_name=role_name)


@message(
    "We tell you whenever the role of your account changes.",
    sample={"role_name": "Administrator"},
)
def _role_changed(row: EmailMessage) -> Values:
    refuse_overtaken(row, "role_changed")
    return {"user": user_of(row), "role_name": row.context["role_name"], **page_links()}


def send_password_change_required(user: User) -> EmailMessage:
    return add("password_change_required", user.email, user)


@message("We tell you when an administrator wants you to choose a new password.")
def _password_change_required(row: EmailMessage) -> Values:
    user = user_of(row)
    require(row, user.must_change_password, "a new password was chosen already")
    return {"user": user, **page_links()}


def send_account_suspended(user: User) -> EmailMessage:
    return add("account_suspended", user.email, user)


@message("We tell you whenever the state of your account changes.")
def _account_suspended(row: EmailMessage) -> Values:
    refuse_overtaken(row, "account_suspended", "account_reactivated")
    return {"user": user_of(row, has_account=True)}


def send_account_reactivated(user: User) -> EmailMessage:
    return add("account_reactivated", user.email, user)


@message("We tell you whenever the state of your account changes.")
def _account_reactivated(row: EmailMessage) -> Values:
    refuse_overtaken(row, "account_suspended", "account_reactivated")
    return {"user": user_of(row, has_account=True), **page_links()}
