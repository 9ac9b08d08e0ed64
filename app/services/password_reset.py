"""Users choose a new password: by a mailed link, or with their present one."""

from typing import Any

from flask import current_app

from app import emails
from app.extensions import db
from app.kit import audit, guesses, passwords
from app.kit.mail import outbox
from app.kit.mail.registry import LINK_LIFETIMES
from app.kit.names import canonical_email
from app.kit.passwords import password_rule
from app.models import User, UserSession
from app.services import sessions
from app.services.mailed_links import LinkRefused, find_by_token, lock_by_token, send_sparingly
from app.services.own_account import ensure_not_impersonating
from app.services.sign_in import require_password

UNCHANGED = "Choose another password than your present one."


def reset_token_of(user: User) -> str:
    """Return a token to choose a new password, for a visitor who has proved to own the email."""
    return user.generate_password_reset_token(LINK_LIFETIMES["reset_password"][0])


def request_password_reset(email: str) -> None:
    """Queue a reset link to this email.

    A reset request for an unknown email writes a row as well, so that both cases take the same
    time. The worker cancels that mail. The owner of a deleted account is told that it is deleted.
    """
    email = canonical_email(email)
    owner = User.by_email(email)
    audit.record("user.reset_asked", by=None, by_label=email, subject=owner)
    if owner is not None and owner.is_deleted:
        send_sparingly(emails.send_address_reserved, email, limit=1)
    else:
        send_sparingly(emails.send_reset_password, email)


def reset_password(token: str, password: str) -> User:
    """Set a new password with the token of a mailed link, and end every session.

    The link proves that the user owns the email, so the email is confirmed too. Raises LinkRefused
    and passwords.WeakPassword.
    """
    user = find_by_token("reset_password", token)
    former = user.password_hash if user.must_change_password else None
    require_strong_password_of(user, password)
    if former and passwords.verify(former, password):
        raise passwords.WeakPassword(UNCHANGED)
    password_hash = passwords.hash_password(password)  # while no transaction is open
    user = lock_by_token("reset_password", token)
    if user.is_invited and current_app.config["REGISTRATION"] == "closed":
        db.session.rollback()
        raise LinkRefused
    user.password_hash, user.confirmed, user.must_change_password = password_hash, True, False
    guesses.forget(user.email)
    sessions.end_all(user)
    audit.record("user.password_reset", by=user, subject=user)
    outbox.commit_and_notify(emails.send_password_changed(user))
    return user


def change_password(user: User, *, old: str, new: str, keep: UserSession | None) -> None:
    """Set a new password and end every session but `keep`, which gets a new token.

    Raises WrongPassword, UserGone and passwords.WeakPassword.
    """
    ensure_not_impersonating(user)
    require_strong_password_of(user, new)
    if user.must_change_password and passwords.normalise(old) == passwords.normalise(new):
        raise passwords.WeakPassword(UNCHANGED)
    require_password(user, old, otherwise="user.password_change_refused", new=new)
    user.must_change_password = False
    sessions.end_all(user, but=keep)
    sessions.renew(user)
    audit.record("user.password_changed", by=user, subject=user)
    outbox.commit_and_notify(emails.send_password_changed(user))


def require_strong_password(password: str, **person: str) -> None:
    """Raise passwords.WeakPassword if `password` is too weak for this user."""
    password_rule.require_strong(password, **_rule_about(person))


def require_strong_password_of(user: User, password: str) -> None:
    """Raise passwords.WeakPassword if `password` is too weak for `user`."""
    names = ("first_name", "last_name", "email")
    require_strong_password(password, **{name: getattr(user, name) for name in names})


def judge_password(password: str, **person: str) -> tuple[int, str]:
    """Return the score of a password, and the reason if it is not acceptable."""
    return password_rule.judge(password, **_rule_about(person))


def _rule_about(person: dict[str, str]) -> dict[str, Any]:
    """Return the rule for the password of this user, and end the transaction.

    Judging is slow, may ask another server, and an open transaction blocks writers on SQLite.
    """
    db.session.rollback()
    return {
        "least_length": current_app.config["PASSWORD_MIN_LENGTH"],
        "related": [current_app.config["APP_NAME"], *person.values()],
    }
