"""What administrators do to how someone gets in: confirming, links, sessions, a new password."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, delete

from app import emails
from app.extensions import db
from app.kit import audit
from app.kit.mail import outbox
from app.kit.web.devices import device_name
from app.models import User, UserSession
from app.services import sessions, user_changes
from app.services.accounts import HOUR, LINKS_AN_HOUR
from app.services.policy import ensure_may_manage, ensure_not_impersonating, ensure_not_self, lock
from app.services.user_changes import Parameters
from app.services.users import lock_present, refuse_deleted


class WrongState(Exception):
    """The account is in a state in which this makes no sense: confirmed already, say."""


class TooManyMails(Exception):
    """As many mails of this kind as an hour allows went to the address already."""


def confirm(user: User, *, by: User | None, keep_password: bool = False) -> None:
    """Take the address for the user's own without a link.

    The password of the account is voided and a link to choose one is queued, unless
    `keep_password`: the administrator knows that the user made the account. Raises
    InsufficientPrivileges and WrongState.
    """
    change = user_changes.CONFIRM_KEEPING_PASSWORD if keep_password else user_changes.CONFIRM
    given = Parameters(by=by)
    user_changes.lock(change, user, given)
    refuse_deleted(user)
    _require(not user_changes.apply(change, user, given))


def resend_confirmation(user: User, *, by: User | None) -> None:
    """Queue the confirmation link again. Raises InsufficientPrivileges, WrongState and
    TooManyMails."""
    _lock_to_mail(user, "confirm", ("unconfirmed",), by)
    audit.record("user.confirmation_resent", by=by, subject=user)
    outbox.commit_and_notify(emails.send_confirm(user))


def send_reset_link(user: User, *, by: User | None) -> None:
    """Queue a link with which the user chooses a new password; nobody else ever knows it.

    Raises InsufficientPrivileges, WrongState and TooManyMails.
    """
    _lock_to_mail(user, "reset_password", ("active", "unconfirmed"), by)
    audit.record("user.reset_link_sent", by=by, subject=user)
    outbox.commit_and_notify(emails.send_reset_password(user.email))


def require_password_change(user: User, *, by: User | None) -> None:
    """Have the user choose a new password before anything else, from their next request on.

    Raises NotOnSelf, InsufficientPrivileges and WrongState.
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
    """Sign `user` out everywhere; oneself, everywhere but here.

    Raises NotWhileImpersonating and InsufficientPrivileges.
    """
    ensure_not_impersonating(by)
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    sessions.end_all_others(user, by=by)
    audit.record("user.sessions_ended", by=by, subject=user)
    db.session.commit()


def end_session(user: User, session_id: int, *, by: User) -> None:
    """End one session of `user`, if it is there still. Raises NotWhileImpersonating and
    InsufficientPrivileges."""
    ensure_not_impersonating(by)
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    session = db.session.get(UserSession, session_id)
    if session is None or session.user_id != user.id:
        return
    device = device_name(session.device)
    ended = db.session.execute(
        delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user.id),
        execution_options={"synchronize_session": False},
    )
    if cast("CursorResult[Any]", ended).rowcount:
        audit.record("user.session_ended", by=by, subject=user, device=device)
    db.session.commit()


def _lock_to_mail(user: User, kind: str, states: tuple[str, ...], by: User | None) -> None:
    # The number of mails is locked before the user, as where people ask for themselves.
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
