"""Start and end impersonations, and record both in the audit trail.

An impersonation is a state of the impersonator's own session. It is limited in time, and never
gives more permissions than the impersonator has. The user loader checks on each request whether it
is still allowed (User.may_act_as). Events name both users.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.kit import audit, guesses
from app.kit.database import now
from app.models import Permission, User, UserSession
from app.services import sessions
from app.services.own_account import ensure_not_impersonating
from app.services.policy import InsufficientPrivileges, ensure_may_manage, ensure_not_self, lock
from app.services.sign_in import WrongPassword, proves_identity


class CannotSignIn(Exception):
    """Raised if the user is suspended, deleted or invited, so they cannot be impersonated."""


def may_begin(user: User, *, by: User) -> bool:
    """Tell whether `by` may start to impersonate `user`, apart from the password."""
    return by.impersonator is None and by.may_act_as(user)


def check(user: User, *, by: User) -> None:
    """Raise an exception unless `may_begin` is true.

    Raises NotWhileImpersonating, NotOnSelf, InsufficientPrivileges or CannotSignIn.
    """
    ensure_not_impersonating(by)
    ensure_not_self(user, by)
    ensure_may_manage(by, user.role)
    if not by.can(Permission.IMPERSONATE):
        raise InsufficientPrivileges
    if not by.may_act_as(user):
        raise CannotSignIn


def start(user: User, *, by: User, password: str, reason: str = "") -> datetime:
    """Start to impersonate `user` in the session of `by`, and return when it ends.

    `password` is the password of `by`, required even if the sign-in is fresh. Raises WrongPassword,
    TooManyGuesses and the exceptions of `check`.
    """
    guess = guesses.at_own_password(by.email)
    check(user, by=by)
    if not proves_identity(by, password):
        audit.record("session.reauthentication_refused", by=by, subject=by)
        db.session.commit()
        raise WrongPassword
    # It is checked again, because both users may have changed since.
    lock(user)
    check(user, by=by)
    guess.was_right()
    session = _session_of(by)
    sessions.renew(by)
    until = now() + timedelta(minutes=current_app.config["IMPERSONATION_MINUTES"])
    session.acting_as_id, session.acting_until = user.id, min(until, session.expires_at)
    user.session = session
    audit.record(
        "session.impersonation_started",
        by=user,
        subject=user,
        reason=reason,
        until=session.acting_until.isoformat(timespec="seconds"),
    )
    db.session.commit()
    return session.acting_until


def stop(user: User) -> User:
    """End the impersonation of `user`, and return the impersonator.

    If two requests do this at once, one of them records it.
    """
    session = _session_of(user)
    if _end(session):
        sessions.renew(user)
        audit.record("session.impersonation_ended", by=user, subject=user, how="stopped")
    db.session.commit()
    return session.user


def settle(session: UserSession) -> None:
    """Record an impersonation that ended because it expired or is no longer allowed.

    If two requests do this at once, one of them records it. If the database is busy, the next
    request does it.
    """
    other_id, until = session.acting_as_id, session.acting_until
    if other_id is None:
        return
    if until is None:
        how = "ended with their sessions"
    else:
        how = "no longer allowed" if session.is_impersonation else "ran out"
    try:
        if _end(session):
            other = db.session.get(User, other_id)
            by = other or session.user
            by.session = session
            sessions.renew(session.user)
            audit.record("session.impersonation_ended", by=by, subject=other, how=how)
        db.session.commit()
    except OperationalError:
        db.session.rollback()


def _end(session: UserSession) -> bool:
    """End the impersonation of a session, unless another request ended it."""
    ended = db.session.scalar(
        update(UserSession)
        .where(
            UserSession.id == session.id,
            UserSession.acting_as_id == session.acting_as_id,
            UserSession.acting_until.is_not_distinct_from(session.acting_until),
        )
        .values(acting_as_id=None, acting_until=None)
        .returning(UserSession.id)
    )
    return ended is not None


def _session_of(user: User) -> UserSession:
    if user.session is None:
        raise InsufficientPrivileges  # for example on the command line
    return user.session
