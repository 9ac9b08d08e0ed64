"""What an administrator sees of a user, and what can be done to them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from app.extensions import db
from app.kit import slots
from app.kit.database import now
from app.kit.slots import UserAction
from app.models import Permission, User, UserSession
from app.models.role import PERMISSION_TEXTS, PermissionText
from app.services.policy import actor_ids, may_grant

SESSIONS = 20  # how many are shown


@dataclass(frozen=True)
class ShownPanel:
    """A panel and what it shows."""

    template: str
    data: slots.Values


@dataclass(frozen=True)
class Profile:
    """What the page of a user shows beside the row itself."""

    actions: list[UserAction]
    sessions: list[UserSession]
    session_count: int
    permissions: list[PermissionText]
    panels: list[ShownPanel]


def of(user: User, *, by: User) -> Profile:
    """Gather what the page of `user` shows to `by`, newest first, a few of each."""
    sessions, session_count = open_sessions(user)
    panels = ((panel.template, panel.load(user, by)) for panel in slots.user_panels())
    return Profile(
        actions=actions(user, by=by),
        sessions=sessions,
        session_count=session_count,
        permissions=permissions(user.role.permissions if user.role else 0),
        panels=[ShownPanel(template, data) for template, data in panels if data is not None],
    )


def open_sessions(user: User) -> tuple[list[UserSession], int]:
    """Return where `user` is signed in, what was used last first, and how many there are in all."""
    live = (UserSession.user_id == user.id, UserSession.expires_at > now())
    shown = select(UserSession).where(*live).order_by(UserSession.last_seen_at.desc())
    found = list(db.session.scalars(shown.limit(SESSIONS)))
    if len(found) < SESSIONS:
        return found, len(found)
    return found, db.session.scalar(select(func.count(UserSession.id)).where(*live)) or 0


def actions(user: User, *, by: User) -> list[UserAction]:
    """Return what `by` can do to `user` as they are at present.

    For buttons and early answers: the services decide, under the lock.
    """
    return [action for action in slots.user_actions() if is_available(action, user, by=by)]


def is_available(action: UserAction, user: User, *, by: User) -> bool:
    """Tell whether `by` can do an action to `user` as they are at present."""
    if not may_grant(by, user.role.permissions if user.role else 0):
        return False
    if user.is_deleted != action.of_deleted:
        return False
    if action.skips_self and user.id in actor_ids(by):
        return False
    return action.is_available(user, by)


def permissions(held: int) -> list[PermissionText]:
    """Return what permission bits allow, in words; of an administrator, that it is everything."""
    if Permission.grants(held, Permission.ADMINISTER):
        return [PERMISSION_TEXTS[Permission.ADMINISTER]]
    return [text for bit, text in PERMISSION_TEXTS.items() if Permission.grants(held, bit)]
