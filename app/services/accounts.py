"""What people do to their own account."""

from collections.abc import Callable
from datetime import timedelta

from flask import current_app
from sqlalchemy.exc import IntegrityError

from app import emails, passwords, tokens
from app.extensions import db
from app.models import EmailMessage, User, UserSession
from app.models.user import canonical_email
from app.services import outbox, sessions

HOUR = timedelta(hours=1)
LINKS_AN_HOUR = 5  # mails of one kind to one address


class EmailTaken(Exception):
    """The address belongs to someone else."""


class LinkRefused(Exception):
    """The link has expired, has been used, or never was one. Which of these is not told."""


class WrongPassword(Exception):
    """The password given is not the present one."""


def authenticate(email: str, password: str) -> User | None:
    """Return the user with this address and password.

    An unknown address, a wrong password, a suspended account and one that never had a password
    cost the same time and give the same answer, None. A hash that is no longer up to date is
    made anew.
    """
    user = User.by_email(email)
    if not passwords.verify(user.password_hash if user else None, password):
        return None
    if user is None or user.is_suspended:
        return None
    if passwords.needs_rehash(user.password_hash or ""):
        user.password = password
        db.session.commit()
    return user


def require_strong_password(password: str, **person: str) -> None:
    """Raise passwords.WeakPassword unless `password` will do for this person."""
    passwords.require_strong(
        password,
        least_length=current_app.config["PASSWORD_MIN_LENGTH"],
        related=[current_app.config["APP_NAME"], *person.values()],
    )


def register(*, first_name: str, last_name: str, email: str, password: str) -> None:
    """Create an unconfirmed account and queue its confirmation link.

    The unique index decides who owns an address, not a query made beforehand: two people may
    submit the same form at once. When it is taken its owner is told by mail and the visitor
    learns nothing, so there is nothing to return. Raises passwords.WeakPassword.
    """
    require_strong_password(password, first_name=first_name, last_name=last_name, email=email)
    user = User(first_name=first_name, last_name=last_name, email=email, password=password)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        _send_sparingly(emails.send_already_registered, canonical_email(email), limit=1)
        return
    _send_sparingly(emails.send_confirm, user)


def resend_confirmation(user: User) -> None:
    """Queue the confirmation link once more, a few times an hour at most."""
    if not user.confirmed:
        _send_sparingly(emails.send_confirm, user)


def find_by_token(purpose: str, token: str) -> User:
    """Return the user for whom `token` can still be used. Raises LinkRefused."""
    content = tokens.read(purpose, token)
    user = db.session.get(User, content.user_id) if content else None
    if user is None or not user.accepts(purpose, token):
        raise LinkRefused
    return user


def confirm(token: str) -> User:
    """Confirm the account that `token` was sent to. Raises LinkRefused."""
    user = _lock_by_token("confirm", token)
    user.confirm_account(token)
    db.session.commit()
    return user


def request_password_reset(email: str) -> None:
    """Queue a reset link for whoever has this address.

    A row is written also when nobody has it, so that both cases take the same time; the worker
    finds out and drops it.
    """
    _send_sparingly(emails.send_reset_password, canonical_email(email))


def reset_password(token: str, password: str) -> User:
    """Set a new password by a link from a mail and end every session.

    Who follows the link has read the mail, so the address is confirmed too. Raises LinkRefused
    and passwords.WeakPassword.
    """
    user = _lock_by_token("reset_password", token)
    require_strong_password(password, **_person(user))
    user.reset_password(token, password)
    user.confirmed = True
    sessions.end_all(user)
    outbox.commit_and_offer(emails.send_password_changed(user))
    return user


def change_password(user: User, *, old: str, new: str, keep: UserSession | None) -> None:
    """Set a new password and end every session but `keep`.

    Raises WrongPassword and passwords.WeakPassword.
    """
    if not user.verify_password(old):
        raise WrongPassword
    require_strong_password(new, **_person(user))
    user.password = new
    sessions.end_all(user, but=keep)
    outbox.commit_and_offer(emails.send_password_changed(user))


def request_email_change(user: User, *, new_email: str, password: str) -> None:
    """Queue a link to the new address and a notice to the old one, which stays until then.

    When the new address is taken its owner is told instead, and the answer is the same.
    Raises WrongPassword.
    """
    if not user.verify_password(password):
        raise WrongPassword
    new_email = canonical_email(new_email)
    if new_email == user.email:
        return
    owner = User.by_email(new_email)
    user.pending_email = new_email
    if outbox.is_throttled(user.email, "email_change_requested", LINKS_AN_HOUR, HOUR):
        db.session.commit()
        return
    notice = emails.send_email_change_requested(user, new_email)
    if owner is None:
        outbox.commit_and_offer(notice, emails.send_change_email(user, new_email))
    elif outbox.is_throttled(new_email, "already_registered", 1, HOUR):
        outbox.commit_and_offer(notice)
    else:
        outbox.commit_and_offer(notice, emails.send_already_registered(new_email))


def cancel_email_change(user: User) -> None:
    """Forget the new address that has not been confirmed; its link stops working."""
    user.pending_email = None
    db.session.commit()


def change_email(user: User, token: str) -> None:
    """Take the new address that `token` was sent to. Raises LinkRefused and EmailTaken."""
    locked = _lock_by_token("change_email", token)
    if locked.id != user.id:
        db.session.rollback()
        raise LinkRefused
    old_email = locked.email
    locked.change_email(token)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise EmailTaken from None
    notices = emails.send_email_changed(locked, old_email=old_email, new_email=locked.email)
    outbox.commit_and_offer(*notices)


def join_from_invite(user_id: int, token: str, password: str) -> User:
    """Give an invited user the password they chose, and confirm the address that was invited.

    Raises LinkRefused and passwords.WeakPassword.
    """
    user = _lock_by_token("invite", token)
    if user.id != user_id:
        db.session.rollback()
        raise LinkRefused
    require_strong_password(password, **_person(user))
    user.password = password
    user.confirmed = True
    db.session.commit()
    return user


def _lock_by_token(purpose: str, token: str) -> User:
    """Return the token's user with the row locked, so that of two who use it one comes second."""
    content = tokens.read(purpose, token)
    user = content and db.session.get(
        User, content.user_id, with_for_update={"of": User}, populate_existing=True
    )
    if not user or not user.accepts(purpose, token):
        db.session.rollback()
        raise LinkRefused
    return user


def _person(user: User) -> dict[str, str]:
    return {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
    }


def _send_sparingly(
    send: Callable[..., EmailMessage], to: User | str, *, limit: int = LINKS_AN_HOUR
) -> None:
    """Commit, and queue the mail unless `limit` of its kind went to the address within the hour.

    Whoever asked is not told which: a stranger must not learn what someone else was sent.
    """
    recipient = to.email if isinstance(to, User) else to
    if outbox.is_throttled(recipient, send.__name__.removeprefix("send_"), limit, HOUR):
        db.session.commit()
    else:
        outbox.commit_and_offer(send(to))
