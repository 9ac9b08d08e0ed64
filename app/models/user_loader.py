"""Who a request comes from: the user that its cookie stands for, or an anonymous visitor."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from flask import current_app
from flask_login import AnonymousUserMixin
from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.orm import contains_eager

from app.extensions import db, login_manager
from app.kit.database import now
from app.models.user import User
from app.models.user_session import UserSession


class AnonymousUser(AnonymousUserMixin):
    """Whoever is not signed in; may do nothing that needs a permission."""

    confirmed = False
    impersonator = None

    def can(self, _permissions: int) -> bool:
        return False

    def can_any(self, _permissions: int) -> bool:
        return False

    def is_admin(self) -> bool:
        return False


login_manager.anonymous_user = AnonymousUser


@cache
def _live_session() -> Select[UserSession]:
    """Select the session that has a token's hash and has not run out, with its user and role.

    Made once: putting it together takes as long as running it. Not made while this module is
    imported, when models that users are related to may still be missing.
    """
    return (
        select(UserSession)
        .join(UserSession.user)
        .outerjoin(User.role)
        .where(
            UserSession.token_hash == bindparam("token_hash"),
            UserSession.expires_at > bindparam("at"),
            or_(UserSession.remembered, UserSession.last_seen_at > bindparam("idle_since")),
            User.suspended_at.is_(None),
            User.deleted_at.is_(None),
        )
        .options(contains_eager(UserSession.user).contains_eager(User.role))
    )


@cache
def _with_role() -> Select[User]:
    """Select the user with an id, and their role."""
    return (
        select(User)
        .outerjoin(User.role)
        .where(User.id == bindparam("id"))
        .options(contains_eager(User.role))
    )


@login_manager.user_loader
def load_user(token: str) -> User | None:
    """Return the user whose live session `token` names, with session and role, in one query.

    While the session's user is signed in as someone else it is that someone who is returned, with
    the session of the first. They take a second query: joined to the one above they would make
    it a third slower for everybody.
    """
    at = now()
    idle_since = at - timedelta(seconds=current_app.config["SESSION_IDLE_TIMEOUT"])
    session = db.session.scalar(
        _live_session(),
        {"token_hash": UserSession.hash_token(token), "at": at, "idle_since": idle_since},
    )
    if session is None:
        return None
    user = _acted_as(session) or session.user
    user.session, user.session_token = session, token
    return user


def _acted_as(session: UserSession) -> User | None:
    """Return whom the session's user is signed in as, while that may be."""
    if not session.is_acting:
        return None
    other = db.session.scalar(_with_role(), {"id": session.acting_as_id})
    return other if other is not None and session.user.may_act_as(other) else None
