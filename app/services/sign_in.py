"""Users sign in, and prove later that they know their password."""

from datetime import timedelta
from typing import NoReturn

from app.extensions import db
from app.kit import audit, guesses, passwords
from app.kit.names import canonical_email
from app.models import User
from app.services import sessions
from app.services.own_account import ensure_not_impersonating, lock_account

QUARTER_OF_AN_HOUR = timedelta(minutes=15)


class WrongPassword(Exception):
    """Raised if the given password is not the current one."""


def authenticate(email: str, password: str, *, marks: str = "") -> User | None:
    """Return the user with this email and password, or None.

    The guess is counted before the password is checked, under the email that finds the user.
    `marks` are the marks of known browsers from the cookie.

    Every refusal takes the same time and returns None. The reason may be an unknown email, a wrong
    password, or an account that is suspended, deleted or without a password. Accounts with a hash
    of Werkzeug take the same time too. An outdated hash is replaced. The caller starts a session,
    which commits. Raises TooManyGuesses and UserGone.
    """
    guess = _counted(email, marks)
    user = User.by_email(email)
    verified = user.password_hash if user else None
    older = User.older_methods()
    # Hashing is slow, and an open transaction would block other writers on SQLite.
    db.session.commit()
    is_right = passwords.verify(verified, password, older=older)
    is_outdated = is_right and passwords.needs_rehash(verified or "")
    newer = passwords.hash_password(password) if is_outdated else verified
    if user is None or not is_right or not user.is_active or not _is_still(user, verified):
        _note_refusal(user, canonical_email(email), is_right=is_right)
        return None
    user.password_hash = newer
    guess.was_right()
    return user


def _counted(email: str, marks: str) -> guesses.Guess:
    try:
        return guesses.at_sign_in(canonical_email(email), is_known=knows_browser(email, marks))
    except guesses.TooManyGuesses:
        note_throttled(canonical_email(email))
        raise


def knows_browser(email: str, marks: str) -> bool:
    """Tell whether `marks` has one of the account with `email` and its current password."""
    user = User.by_email(email) if marks else None
    return user is not None and guesses.has_mark(user.id, user.browser_state(), marks)


def _is_still(user: User, verified: str | None) -> bool:
    """Tell whether `verified`, the hash that was just checked, is still that of `user`.

    Checking takes a while, and another request may change the password meanwhile. The row stays
    locked until the caller commits. So ending all sessions also ends a session that starts now.
    """
    lock_account(user)
    return user.is_active and user.password_hash == verified


def check_own_password(user: User, password: str) -> None:
    """Check the password of a signed-in user. Raises WrongPassword and TooManyGuesses."""
    ensure_not_impersonating(user)
    guess = guesses.at_own_password(user.email)
    if user.password_hash is None or not proves_identity(user, password):
        refuse_password("session.reauthentication_refused", user)
    guess.was_right()
    db.session.commit()


def note_first_step(user: User, method: str) -> None:
    """Record that a sign-in of `user` waits for its second step, and commit."""
    audit.record(
        "session.second_step_asked", by=None, by_label=user.email, subject=user, way=method
    )
    db.session.commit()


def proves_identity(user: User, password: str) -> bool:
    """Commit, and tell whether `password` is right, or a user without one signed in just now."""
    verified, is_fresh = user.password_hash, sessions.is_fresh(user.session)
    db.session.commit()
    return is_fresh if verified is None else passwords.verify(verified, password)


def require_password(user: User, password: str, *, otherwise: str, new: str | None = None) -> None:
    """Lock `user` if `password` proves their identity, and set the password `new`, if any.

    Otherwise record the event `otherwise`. Raises WrongPassword, UserGone and TooManyGuesses.
    """
    guess = guesses.at_own_password(user.email)
    verified, is_right = user.password_hash, proves_identity(user, password)
    new_hash = passwords.hash_password(new) if is_right and new else verified
    if not is_right or not _is_still(user, verified):
        refuse_password(otherwise, user)
    guess.was_right()
    user.password_hash = new_hash


def refuse_password(action: str, user: User) -> NoReturn:
    """Record a wrong password of `user` as the event `action`, and raise WrongPassword."""
    audit.record(action, by=user, subject=user)
    db.session.commit()
    raise WrongPassword


def note_throttled(email: str) -> None:
    """Record that a sign-in was refused because too many failed.

    An IP address causes one event in a quarter of an hour, and does not fill the audit trail.
    """
    if audit.is_news("session.throttled", within=QUARTER_OF_AN_HOUR):
        subject = User.by_email(email) if email else None
        audit.record("session.throttled", by=None, by_label=email, subject=subject)
    db.session.commit()


def _note_refusal(user: User | None, email: str, *, is_right: bool) -> None:
    """Record a failed sign-in. The limits on guesses bound the number of these events."""
    if user is None:
        reason = "There is no such account"
    elif is_right:
        reason = f"The account is {user.status}"
    else:
        reason = "The password is wrong" if user.password_hash else "The account has no password"
    audit.record("session.refused", by=None, by_label=email, subject=user, reason=reason)
    db.session.commit()
