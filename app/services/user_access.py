"""Actions of administrators on the access of users: confirmation, links, sessions, passwords."""

from __future__ import annotations

from sqlalchemy import delete

from app import emails
from app.extensions import db
from app.kit import audit
from app.kit.mail import outbox
from app.kit.web.devices import device_name
from app.models import User, UserSession
from app.services import sessions, user_changes
from app.services.mailed_links import HOUR, LINKS_AN_HOUR
from app.services.own_account import ensure_not_impersonating
from app.services.policy import ensure_may_manage, ensure_not_self, lock
from app.services.user_changes import Parameters
from app.services.users import lock_present, refuse_deleted


class WrongState(Exception):
    """Raised if the state of the account rules the action out, for example if it is confirmed."""


class TooManyMails(Exception):
    """Raised if the hourly limit of mails of this kind to the recipient is reached."""


def confirm(user: User, *, by: User | None, keep_password: bool = False) -> None:
    """Confirm the email of `user` without a link.

    The password of the account is voided and a link to choose a new one is queued. Set
    `keep_password` only if the administrator knows that the user registered the account. Raises
    InsufficientPrivileges and WrongState.
    """
    change = user_changes.CONFIRM_KEEPING_PASSWORD if keep_password else user_changes.CONFIRM
    given = Parameters(by=by)
    user_changes.lock(change, user, given)
    refuse_deleted(user)
    _require(not user_changes.apply(change, user, given))


def resend_confirmation(user: User, *, by: User | None) -> None:
    """Queue the confirmation link again.

    Raises InsufficientPrivileges, WrongState and TooManyMails.
    """
    _lock_to_mail(user, "confirm", ("unconfirmed",), by)
    audit.record("user.confirmation_resent", by=by, subject=user)
    outbox.commit_and_notify(emails.send_confirm(user))


def send_reset_link(user: User, *, by: User | None) -> None:
    """Queue a link with which the user chooses a new password.

    The administrator never sees the link. Raises InsufficientPrivileges, WrongState and
    TooManyMails.
    """
    _lock_to_mail(user, "reset_password", ("active", "unconfirmed"), by)
    audit.record("user.reset_link_sent", by=by, subject=user)
    outbox.commit_and_notify(emails.send_reset_password(user.email))


def require_password_change(user: User, *, by: User | None) -> None:
    """Require the user to choose a new password before they can open other pages.

    Effective from their next request. Raises NotOnSelf, InsufficientPrivileges and WrongState.
    """
    ensure_not_self(user, by)
    lock_present(user, by=by)
    ensure_may_manage(by, user.role)
    _require(user.password_hash is not None)
    if user.must_change_password:
        return
    user.must_change_password = True
    audit.record("user.password_change_required", by=by, subject=user)
    outbox.commit_and_notify(emails.send_password_change_required(user))


def end_sessions(user: User, *, by: User) -> None:
    """End all sessions of `user`. If `user` is `by`, the current session stays.

    Raises NotWhileImpersonating and InsufficientPrivileges.
    """
    ensure_not_impersonating(by)
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    sessions.end_all_others(user, by=by)
    audit.record("user.sessions_ended", by=by, subject=user)
    db.session.commit()


def end_session(user: User, session_id: int, *, by: User) -> None:
    """End one session of `user`, if it still exists.

    Raises NotWhileImpersonating and InsufficientPrivileges.
    """
    ensure_not_impersonating(by)
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    sessions.note_end([user.id])
    device = db.session.scalar(
        delete(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user.id)
        .returning(UserSession.device),
        execution_options={"synchronize_session": False},
    )
    if device is not None:
        audit.record("user.session_ended", by=by, subject=user, device=device_name(device))
    db.session.commit()


def lock_to_reset(user: User, *, by: User | None) -> None:
    """Check that `by` may reset a way in which `user` signs in, and lock the user.

    `by` is None on the command line. Raises NotWhileImpersonating, NotOnSelf,
    InsufficientPrivileges and UserGone.
    """
    ensure_not_impersonating(by)
    ensure_not_self(user, by)
    lock_present(user, by=by)
    ensure_may_manage(by, user.role)


def _lock_to_mail(user: User, kind: str, states: tuple[str, ...], by: User | None) -> None:
    # Lock the number of mails before the user, in the same order as the account pages.
    recipient = user.email
    is_throttled = outbox.is_throttled(recipient, kind, LINKS_AN_HOUR, HOUR)
    lock_present(user, by=by)
    ensure_may_manage(by, user.role)
    _require(user.status in states and user.email == recipient)
    if is_throttled:
        db.session.rollback()
        raise TooManyMails


def _require(holds: bool) -> None:
    if not holds:
        db.session.rollback()
        raise WrongState
