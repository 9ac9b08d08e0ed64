"""Actions of users on their own account."""

from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from flask import current_app
from sqlalchemy.exc import IntegrityError

from app import emails
from app.extensions import db
from app.kit import audit, guesses, passwords, tokens
from app.kit.mail import outbox
from app.models import EmailMessage, User, UserSession
from app.models.user import canonical_email
from app.services import registration, sessions, unproven
from app.services.policy import ensure_not_impersonating, lock

HOUR = timedelta(hours=1)
QUARTER_OF_AN_HOUR = timedelta(minutes=15)
LINKS_AN_HOUR = 5  # mails of one kind to one recipient


class EmailTaken(Exception):
    """Raised if another user has the email. `deleted` is that user, if they are deleted."""

    deleted: User | None = None


class LinkRefused(Exception):
    """Raised if a link is expired, used or invalid. The visitor is not told which."""


class WrongPassword(Exception):
    """Raised if the given password is not the current one."""


def authenticate(email: str, password: str, *, marks: str = "") -> User | None:
    """Return the user with this email and password, or None.

    The guess is counted before the password is checked, under the email that finds the user.
    `marks` are the marks of known browsers from the cookie.

    Every refusal takes the same time and returns None. The reason may be an unknown email, a wrong
    password, or an account that is suspended, deleted or without a password. Accounts with a hash
    of flask-base take the same time too. An outdated hash is replaced. The caller starts a session,
    which commits. Raises TooManyGuesses and UserGone.
    """
    guess = _counted(email, marks)
    user = User.by_email(email)
    verified = user.password_hash if user else None
    older = User.older_methods()
    # Hashing is slow, and an open transaction would block other writers on SQLite.
    db.session.commit()
    is_right = passwords.verify(verified, password, older=older)
    if user is None or not is_right or not user.is_active or not _is_still(user, verified):
        _note_refusal(user, canonical_email(email), is_right=is_right)
        return None
    if passwords.needs_rehash(user.password_hash or ""):
        user.password = password
        db.session.flush()
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
    lock(user)
    return user.is_active and user.password_hash == verified


def reauthenticate(user: User, session: UserSession, password: str) -> None:
    """Record that the user confirmed their password. Raises WrongPassword and TooManyGuesses."""
    ensure_not_impersonating(user)
    guess = guesses.at_own_password(user.email)
    if not user.verify_password(password):
        refuse_password("session.reauthentication_refused", user)
    guess.was_right()
    sessions.renew(user)
    sessions.confirm_password(session)


def require_strong_password(password: str, **person: str) -> None:
    """Raise passwords.WeakPassword if `password` is too weak for this user."""
    passwords.require_strong(
        password,
        least_length=current_app.config["PASSWORD_MIN_LENGTH"],
        related=[current_app.config["APP_NAME"], *person.values()],
    )


def require_strong_password_of(user: User, password: str) -> None:
    """Raise passwords.WeakPassword if `password` is too weak for `user`."""
    names = ("first_name", "last_name", "email")
    require_strong_password(password, **{name: getattr(user, name) for name in names})


def judge_password(password: str, **person: str) -> tuple[int, str]:
    """Return the score of a password, and the reason if it is not acceptable.

    Ends the transaction first, because the estimate is slow and an open transaction would block
    other writers on SQLite.
    """
    db.session.rollback()
    return passwords.judge(
        password,
        least_length=current_app.config["PASSWORD_MIN_LENGTH"],
        related=[current_app.config["APP_NAME"], *person.values()],
    )


def register(*, first_name: str, last_name: str, email: str, password: str) -> str:
    """Create an unconfirmed account and queue its confirmation link.

    The unique index decides who gets an email, because two visitors may submit the same form at
    once. If the email is taken, its owner is told by mail and the visitor learns nothing. Return a
    receipt for the browser, with which `confirm` keeps the password. If the email is taken, the
    receipt looks the same. Raises RegistrationClosed and passwords.WeakPassword.
    """
    registration.require_open()
    require_strong_password(password, first_name=first_name, last_name=last_name, email=email)
    user = User(first_name=first_name, last_name=last_name, email=email, password=password)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        email = canonical_email(email)
        owner = User.by_email(email)
        audit.record("user.registration_repeated", by=None, by_label=email, subject=owner)
        _tell_owner(owner, email)
        return tokens.no_receipt()
    receipt = user.registration_receipt()
    audit.record("user.registered", by=user, subject=user)
    _send_sparingly(emails.send_confirm, user)
    return receipt


def resend_confirmation(user: User) -> None:
    """Queue the confirmation link again, at most LINKS_AN_HOUR times an hour."""
    if not user.confirmed:
        audit.record("user.confirmation_resent", by=user, subject=user)
        _send_sparingly(emails.send_confirm, user)


def find_by_token(purpose: str, token: str) -> User:
    """Return the user of a token that is still valid. Raises LinkRefused."""
    content = tokens.read(purpose, token)
    user = db.session.get(User, content.user_id) if content else None
    if user is None or not user.accepts(purpose, token):
        raise LinkRefused
    return user


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
        unproven.void_password(user, by=user)
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


def reset_token_of(user: User) -> str:
    """Return a token to choose a new password, for a visitor who has proved to own the email."""
    return user.generate_password_reset_token(emails.LINK_LIFETIMES["reset_password"][0])


def request_password_reset(email: str) -> None:
    """Queue a reset link to this email.

    A reset request for an unknown email writes a row as well, so that both cases take the same
    time. The worker cancels that mail. The owner of a deleted account is told that it is deleted.
    """
    email = canonical_email(email)
    owner = User.by_email(email)
    audit.record("user.reset_asked", by=None, by_label=email, subject=owner)
    if owner is not None and owner.is_deleted:
        _send_sparingly(emails.send_address_reserved, email, limit=1)
    else:
        _send_sparingly(emails.send_reset_password, email)


def reset_password(token: str, password: str) -> User:
    """Set a new password with the token of a mailed link, and end every session.

    The link proves that the user owns the email, so the email is confirmed too. Raises LinkRefused
    and passwords.WeakPassword.
    """
    user = lock_by_token("reset_password", token)
    if user.is_invited and registration.mode() == "closed":
        db.session.rollback()
        raise LinkRefused
    _require_acceptable_password(user, password)
    user.reset_password(token, password)
    user.confirmed, user.must_change_password = True, False
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
    require_password(user, old, otherwise="user.password_change_refused")
    try:
        _require_acceptable_password(user, new)
    except passwords.WeakPassword:
        db.session.commit()  # The current password was right, so take the guess off.
        raise
    user.password, user.must_change_password = new, False
    sessions.end_all(user, but=keep)
    sessions.renew(user)
    audit.record("user.password_changed", by=user, subject=user)
    outbox.commit_and_notify(emails.send_password_changed(user))


def note_throttled(email: str) -> None:
    """Record that a sign-in was refused because too many failed.

    Repeated events of an IP address are skipped for a quarter of an hour, so that refused attempts
    do not fill the audit trail.
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


def require_password(user: User, password: str, *, otherwise: str) -> None:
    """Lock `user` if `password` is right.

    Otherwise record the event `otherwise` and raise WrongPassword. Raises UserGone and
    TooManyGuesses.
    """
    guess = guesses.at_own_password(user.email)
    verified = user.password_hash
    if not user.verify_password(password) or not _is_still(user, verified):
        refuse_password(otherwise, user)
    guess.was_right()


def refuse_password(action: str, user: User) -> NoReturn:
    """Record a wrong password of `user` as the event `action`, and raise WrongPassword."""
    audit.record(action, by=user, subject=user)
    db.session.commit()
    raise WrongPassword


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


def email_taken(email: str) -> EmailTaken:
    """Return an EmailTaken exception that names the owner of an email if they are deleted."""
    error, owner = EmailTaken(), User.by_email(email)
    if owner is not None and owner.is_deleted:
        error.deleted = owner
    return error


def _tell_owner(owner: User | None, email: str) -> None:
    """Tell the owner of an email that their account exists or is deleted, once an hour."""
    reserved = owner is not None and owner.is_deleted
    send = emails.send_address_reserved if reserved else emails.send_already_registered
    _send_sparingly(send, email, limit=1)


def _require_acceptable_password(user: User, password: str) -> None:
    """Raise WeakPassword if the password is too weak, or unchanged when a change is required."""
    require_strong_password_of(user, password)
    if user.must_change_password and user.verify_password(password):
        raise passwords.WeakPassword("Choose another password than your present one.")


def _send_sparingly(
    send: Callable[..., EmailMessage], to: User | str, *, limit: int = LINKS_AN_HOUR
) -> None:
    """Commit, and queue the mail unless `limit` of its kind went to the recipient within an hour.

    The visitor is not told which, because a stranger must not learn about mail to others.
    """
    recipient = to.email if isinstance(to, User) else to
    if outbox.is_throttled(recipient, send.__name__.removeprefix("send_"), limit, HOUR):
        db.session.commit()
    else:
        outbox.commit_and_notify(send(to))
