"""Load the user of a request from its cookie, or an anonymous visitor."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from flask import current_app
from flask_login import AnonymousUserMixin
from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from app.extensions import db, login_manager
from app.kit.database import now
from app.models.user import User
from app.models.user_session import UserSession


class AnonymousUser(AnonymousUserMixin):
    """A visitor who is not signed in and has no permissions."""

    confirmed = False
    impersonator = session = None

    def can(self, _permissions: int) -> bool:
        return False

    def can_any(self, _permissions: int) -> bool:
        return False

    def is_admin(self) -> bool:
        return False


LOADED_WITH: list[str] = []  # relations of users that features need on every page
login_manager.anonymous_user = AnonymousUser


def _more() -> list[Any]:
    return [joinedload(getattr(User, name)) for name in LOADED_WITH]


@cache
def _live_session() -> Select[UserSession]:
    """Build the query for a live session by its token's hash, with its user and role.

    The query is cached, because building it takes as long as running it. It is not built at import
    time, when models related to User may still be missing.
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
        .options(contains_eager(UserSession.user).options(contains_eager(User.role), *_more()))
    )


@cache
def _with_role() -> Select[User]:
    """Build the query for a user by id, with their role."""
    return (
        select(User)
        .outerjoin(User.role)
        .where(User.id == bindparam("id"))
        .options(contains_eager(User.role), *_more())
    )


@login_manager.user_loader
def load_user(token: str) -> User | None:
    """Return the user of the live session with this token, with session and role, in one query.

    During an impersonation, the impersonated user is returned with the impersonator's session.
    Loading them takes a second query, because a join would slow down the first by a third for
    every request.
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
    """Return the user that the session impersonates, or None if that is not allowed."""
    if not session.is_impersonation:
        return None
    other = db.session.scalar(_with_role(), {"id": session.acting_as_id})
    return other if other is not None and session.user.may_act_as(other) else None
