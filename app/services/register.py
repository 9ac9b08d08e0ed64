"""Visitors register and confirm their email, if the setting REGISTRATION lets them.

REGISTRATION is one of open, invite-only and closed. Administrators can create accounts in each.
"""

from collections.abc import Callable

from flask import current_app
from sqlalchemy.exc import IntegrityError

from app import emails
from app.extensions import db
from app.kit import audit, tokens
from app.kit.names import canonical_email
from app.models import User
from app.services import sessions, unconfirmed
from app.services.mailed_links import lock_by_token, notice_to, send_sparingly
from app.services.password_reset import require_strong_password
from app.services.sign_in import require_password

# Called with a user who registers, in the transaction of the registration. Features add theirs.
ON_REGISTRATION: list[Callable[[User], None]] = []


class RegistrationClosed(Exception):
    """Raised if visitors cannot register."""


def mode() -> str:
    """Return the mode: open, invite-only or closed."""
    return str(current_app.config["REGISTRATION"])


def is_open() -> bool:
    return mode() == "open"


def register(
    *, first_name: str, last_name: str, email: str, password: str | None, is_bot: bool = False
) -> str:
    """Create an unconfirmed account and queue its confirmation link.

    The unique index decides who gets an email, because two visitors may submit the same form at
    once. If the email is taken, its owner is told by mail and the visitor learns nothing. Return a
    receipt for the browser, with which `confirm` keeps the password. If the email is taken, the
    receipt looks the same. A bot gets the same answer, and no account. Without a password, the link
    asks for a way to sign in. Raises RegistrationClosed and passwords.WeakPassword.
    """
    if not is_open():
        raise RegistrationClosed
    if password is not None:
        require_strong_password(password, first_name=first_name, last_name=last_name, email=email)
    if is_bot:
        return tokens.no_receipt()
    user = User(first_name=first_name, last_name=last_name, email=email, password=password)
    user.self_registered = True
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        email, owner = canonical_email(email), User.by_email(email)
        audit.record("user.registration_repeated", by=None, by_label=email, subject=owner)
        send_sparingly(notice_to(owner), email, limit=1)
        return tokens.no_receipt()
    receipt = user.registration_receipt()
    for prepare in ON_REGISTRATION:
        prepare(user)
    audit.record("user.registered", by=user, subject=user)
    send_sparingly(emails.send_confirm, user)
    return receipt


def resend_confirmation(user: User) -> None:
    """Queue the confirmation link again, at most LINKS_AN_HOUR times an hour."""
    if not user.confirmed:
        audit.record("user.confirmation_resent", by=user, subject=user)
        send_sparingly(emails.send_confirm, user)


def made_here(user: User, *, by: User | None, receipt: str) -> bool:
    """Tell whether the browser registered the account, or is signed in to it with its password."""
    is_oneself = by is not None and by.id == user.id and by.impersonator is None
    return is_oneself or user.has_receipt(receipt)


def confirm(
    token: str,
    *,
    by: User | None = None,
    receipt: str = "",
    password: str = "",
    keep_password: bool = True,
) -> User:
    """Confirm the account that `token` was sent to.

    Raises LinkRefused, WrongPassword and TooManyGuesses.

    A stranger may have registered the email with a password of their own, and wait for its owner
    to confirm the account. So the password is kept only for the browser that registered (see
    made_here for `by` and `receipt`) or for a visitor who enters it. All sessions of the account
    end, unless `by` is the user themselves.
    """
    user = lock_by_token("confirm", token)
    if not keep_password:
        unconfirmed.void_password(user, by=user)
    elif not made_here(user, by=by, receipt=receipt):
        require_password(user, password, otherwise="user.confirmation_refused")
        # Counting the guess ended the transaction, so the link may have been used meanwhile.
        user = lock_by_token("confirm", token)
    user.confirm_account(token)
    if by is None or by.id != user.id or by.impersonator is not None:
        sessions.end_all(user)
    audit.record("user.confirmed", by=user, subject=user, changes={"confirmed": (False, True)})
    db.session.commit()
    return user
