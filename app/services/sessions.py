"""Signing in and out: the rows that stand behind the cookies."""

from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import ColumnElement, CursorResult, delete, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from app.extensions import db
from app.kit import audit
from app.kit.database import now
from app.models import User, UserSession
from app.services.policy import NotWhileImpersonating

TOUCH_INTERVAL = timedelta(minutes=5)


def start(user: User, *, remembered: bool, address: str, device: str) -> str:
    """Begin a session for `user` and return the token that the cookie carries."""
    settings = current_app.config
    lifetime = settings["REMEMBER_LIFETIME"] if remembered else settings["SESSION_LIFETIME"]
    token = UserSession.new_token()
    at = now()
    db.session.add(
        UserSession(
            user=user,
            token_hash=UserSession.hash_token(token),
            remembered=remembered,
            expires_at=at + timedelta(seconds=lifetime),
            address=address[:45],
            device=device[:255],
        )
    )
    user.last_seen_at = at
    audit.record("session.started", by=user, subject=user, remembered=remembered)
    db.session.commit()
    return token


def touch(session: UserSession) -> None:
    """Note that `session` is in use, at most once in five minutes.

    A lost note does no harm, so a database that is busy is not waited for, nor does it matter when
    the session has just been ended elsewhere.
    """
    at = now()
    if at - session.last_seen_at < TOUCH_INTERVAL:
        return
    session.last_seen_at = session.user.last_seen_at = at
    try:
        db.session.commit()
    except (OperationalError, StaleDataError):
        db.session.rollback()


def confirm_password(session: UserSession) -> None:
    """Note that the password has just been given again. Raises NotWhileImpersonating."""
    if session.is_acting:
        raise NotWhileImpersonating
    session.authenticated_at = now()
    audit.record("session.reauthenticated", by=session.user, subject=session.user)
    db.session.commit()


def renew(user: User) -> None:
    """Give the session in which `user` acts a new token; the caller commits (ASVS 5.0 7.2.4).

    A copy of the cookie ends with the commit. app.sign_in hands the new token to the browser that
    asked. Of two requests at once one renews it.
    """
    session = user.session
    if session is None:  # A command acts in no session.
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


def is_fresh(session: UserSession) -> bool:
    """Tell whether the password was given recently enough for a grave action (ASVS 5.0 7.5.3)."""
    window = timedelta(seconds=current_app.config["REAUTHENTICATION_WINDOW"])
    return now() - session.authenticated_at < window


def end(session: UserSession) -> None:
    """End one session; its cookies, also the one that remembers, are worthless from now on."""
    user = session.user
    db.session.execute(delete(UserSession).where(UserSession.id == session.id))
    audit.record("session.ended", by=user, subject=user)
    db.session.commit()


def end_all(user: User, *, but: UserSession | None = None) -> None:
    """End the sessions of `user`, except `but`. The caller commits.

    Nobody else is signed in as `user` any longer, either.
    """
    condition = UserSession.user_id == user.id
    if but is not None:
        condition = condition & (UserSession.id != but.id)
    db.session.execute(
        delete(UserSession).where(condition), execution_options={"synchronize_session": False}
    )
    end_acting(UserSession.acting_as_id == user.id)


def end_all_others(user: User, *, by: User | None) -> None:
    """End the sessions of `user`; of oneself, all but this one, which gets a new token.

    The caller commits.
    """
    if by is None or by.id != user.id:
        end_all(user)
        return
    end_all(user, but=by.session)
    renew(by)


def end_acting(condition: ColumnElement[bool]) -> None:
    """Let nobody be signed in as someone else any longer in these sessions. The caller commits."""
    db.session.execute(
        update(UserSession)
        .where(UserSession.acting_as_id.is_not(None), condition, UserSession.acting_until > now())
        .values(acting_until=None),
        execution_options={"synchronize_session": False},
    )


def purge() -> int:
    """Delete the sessions that have run out and return how many there were."""
    result = db.session.execute(delete(UserSession).where(UserSession.expires_at < now()))
    db.session.commit()
    return cast("CursorResult[Any]", result).rowcount
