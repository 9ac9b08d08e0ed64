"""Load the page of a user in the admin: details, sessions and available actions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from app.extensions import db
from app.kit import slots
from app.kit.database import now
from app.kit.permissions import PermissionText
from app.kit.slots import UserAction
from app.models import Permission, User, UserSession
from app.models.role import PERMISSION_TEXTS
from app.services.policy import actor_ids, may_grant

SESSIONS = 20  # shown at most


@dataclass(frozen=True)
class UserDetails:
    """The data of a user's page, beside the row itself."""

    actions: list[UserAction]
    sessions: list[UserSession]
    session_count: int
    permissions: list[PermissionText]
    panels: list[slots.ShownPanel]


def details(user: User, *, by: User) -> UserDetails:
    """Load the data that the page of `user` shows to `by`."""
    sessions, session_count = open_sessions(user)
    return UserDetails(
        actions=actions(user, by=by),
        sessions=sessions,
        session_count=session_count,
        permissions=permissions(user.role.permissions if user.role else 0),
        panels=slots.shown_panels(user, by),
    )


def open_sessions(user: User) -> tuple[list[UserSession], int]:
    """Return the sessions of `user`, the last used first, and their total number."""
    live = (UserSession.user_id == user.id, UserSession.expires_at > now())
    shown = select(UserSession).where(*live).order_by(UserSession.last_seen_at.desc())
    found = list(db.session.scalars(shown.limit(SESSIONS)))
    if len(found) < SESSIONS:
        return found, len(found)
    return found, db.session.scalar(select(func.count(UserSession.id)).where(*live)) or 0


def actions(user: User, *, by: User) -> list[UserAction]:
    """Return the actions that `by` can do on `user` in their present state.

    Use this for buttons and early answers. The services check again under the lock.
    """
    return [action for action in slots.user_actions() if is_available(action, user, by=by)]


def is_available(action: UserAction, user: User, *, by: User) -> bool:
    """Tell whether `by` can do an action on `user` in their present state."""
    if not may_grant(by, user.role.permissions if user.role else 0):
        return False
    if user.is_deleted != action.of_deleted:
        return False
    if action.skips_self and user.id in actor_ids(by):
        return False
    return action.is_available(user, by)


def permissions(held: int) -> list[PermissionText]:
    """Return the texts of permission bits. For an administrator, it is one text."""
    if Permission.grants(held, Permission.ADMINISTER):
        return [PERMISSION_TEXTS[Permission.ADMINISTER]]
    return [text for bit, text in PERMISSION_TEXTS.items() if Permission.grants(held, bit)]
