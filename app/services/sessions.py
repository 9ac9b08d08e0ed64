"""Start, renew and end sessions, the rows that session cookies refer to."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from flask import current_app
from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from app.extensions import db
from app.kit import audit
from app.kit.database import now
from app.models import User, UserSession
from app.services.own_account import NotWhileImpersonating

TOUCH_INTERVAL = timedelta(minutes=5)
# Called with the ids of users before their sessions on other devices end. Features add theirs.
BEFORE_OTHERS_END: list[Callable[[Sequence[int]], None]] = []

# Called with the user in the transaction that starts a session.
BEFORE_START: list[Callable[[User], None]] = []


def start(
    user: User,
    *,
    remembered: bool,
    address: str,
    device: str,
    method: str = "password",
    has_second_factor: bool = False,
) -> str:
    """Start a session for `user`, who signed in by `method`, and return its cookie's token."""
    settings = current_app.config
    lifetime = settings["REMEMBER_LIFETIME"] if remembered else settings["SESSION_LIFETIME"]
    token = UserSession.new_token()
    for prepare in BEFORE_START:
        prepare(user)
    at = now()
    db.session.add(
        UserSession(
            user=user,
            token_hash=UserSession.hash_token(token),
            remembered=remembered,
            has_second_factor=has_second_factor,
            expires_at=at + timedelta(seconds=lifetime),
            address=address[:45],
            device=device[:255],
        )
    )
    user.last_seen_at = at
    audit.record("session.started", by=user, subject=user, remembered=remembered, way=method)
    db.session.commit()
    return token


def touch(session: UserSession) -> None:
    """Record that `session` is in use, at most once in five minutes.

    A lost record does no harm. So this does not wait for a busy database, and ignores a session
    that another request has just ended.
    """
    at = now()
    if at - session.last_seen_at < TOUCH_INTERVAL:
        return
    session.last_seen_at = session.user.last_seen_at = at
    try:
        db.session.commit()
    except (OperationalError, StaleDataError):
        db.session.rollback()


def confirm(session: UserSession, *, method: str, has_second_factor: bool = False) -> None:
    """Record that the user proved who they are by `method`. Raises NotWhileImpersonating."""
    if session.is_impersonation:
        raise NotWhileImpersonating
    renew(session.user)
    session.authenticated_at = now()
    session.has_second_factor |= has_second_factor
    audit.record("session.reauthenticated", by=session.user, subject=session.user, way=method)
    db.session.commit()


def renew(user: User) -> None:
    """Replace the token of the user's current session; the caller commits (ASVS 5.0 7.2.4).

    Copies of the old cookie stop working with the commit. app.session_hooks sends the new token to
    the browser. If two requests do this at once, one of them renews the session.
    """
    session = user.session
    if session is None:  # Commands have no session.
        return
    token = UserSession.new_token()
    renewed = db.session.scalar(
        update(UserSession)
        .where(
            UserSession.id == session.id,
            UserSession.token_hash == UserSession.hash_token(user.session_token),
        )
        .values(token_hash=UserSession.hash_token(token))
        .returning(UserSession.id),
        execution_options={"synchronize_session": False},
    )
    if renewed is not None:
        user.session_token = token


def is_fresh(session: UserSession | None) -> bool:
    """Tell whether the user gave the password a short while ago (ASVS 5.0 7.5.3)."""
    window = timedelta(seconds=current_app.config["REAUTHENTICATION_WINDOW"])
    return session is not None and now() - session.authenticated_at < window


def end(session: UserSession) -> None:
    """End one session. Its cookies stop working, including the remember-me cookie."""
    user = session.user
    db.session.execute(delete(UserSession).where(UserSession.id == session.id))
    audit.record("session.ended", by=user, subject=user)
    db.session.commit()


def end_all(user: User, *, but: UserSession | None = None) -> None:
    """End the sessions of `user`, except `but`. The caller commits.

    Impersonations of `user` end too.
    """
    note_end([user.id])
    condition = UserSession.user_id == user.id
    if but is not None:
        condition = condition & (UserSession.id != but.id)
    db.session.execute(
        delete(UserSession).where(condition), execution_options={"synchronize_session": False}
    )
    end_impersonations(UserSession.acting_as_id == user.id)


def note_end(user_ids: Sequence[int]) -> None:
    """Tell features that sessions of users on other devices end. The caller commits."""
    for prepare in BEFORE_OTHERS_END:
        prepare(user_ids)


def end_all_others(user: User, *, by: User | None) -> None:
    """End the sessions of `user`. The caller commits.

    If `user` is `by`, the current session stays and gets a new token.
    """
    if by is None or by.id != user.id:
        end_all(user)
        return
    end_all(user, but=by.session)
    renew(by)


def end_impersonations(condition: ColumnElement[bool]) -> None:
    """End the impersonations in the sessions that meet the condition. The caller commits."""
    db.session.execute(
        update(UserSession)
        .where(UserSession.acting_as_id.is_not(None), condition, UserSession.acting_until > now())
        .values(acting_until=None),
        execution_options={"synchronize_session": False},
    )
