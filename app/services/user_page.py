"""All that an administrator is shown of one person, and what may be done to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from app.extensions import db
from app.features import audit
from app.kit.database import now
from app.models import EmailMessage, Permission, User, UserSession
from app.models.role import PERMISSION_TEXTS, PermissionText
from app.services import impersonation
from app.services.policy import covers

SESSIONS, MAILS, EVENTS = 20, 10, 10  # how many of each are shown


@dataclass(frozen=True)
class Profile:
    """What the page of a person shows beside the row itself."""

    deeds: frozenset[str]
    sessions: list[UserSession]
    session_count: int
    emails: list[EmailMessage]
    events: Sequence[Row[Any]]
    permissions: list[PermissionText]


def of(user: User, *, by: User) -> Profile:
    """Gather what the page of `user` shows to `by`, newest first, a few of each."""
    sessions, session_count = open_sessions(user)
    mails = select(EmailMessage).where(EmailMessage.user_id == user.id)
    return Profile(
        deeds=deeds(user, by=by, has_sessions=bool(sessions)),
        sessions=sessions,
        session_count=session_count,
        emails=list(db.session.scalars(mails.order_by(EmailMessage.id.desc()).limit(MAILS))),
        events=audit.about_user(user, limit=EVENTS),
        permissions=permissions(user.role.permissions if user.role else 0),
    )


def open_sessions(user: User) -> tuple[list[UserSession], int]:
    """Return where `user` is signed in, what was used last first, and how many there are in all."""
    live = (UserSession.user_id == user.id, UserSession.expires_at > now())
    shown = select(UserSession).where(*live).order_by(UserSession.last_seen_at.desc())
    found = list(db.session.scalars(shown.limit(SESSIONS)))
    if len(found) < SESSIONS:
        return found, len(found)
    return found, db.session.scalar(select(func.count(UserSession.id)).where(*live)) or 0


def deeds(user: User, *, by: User, has_sessions: bool = True) -> frozenset[str]:
    """Return the names of the views with which `by` can change `user` as they are at present.

    For buttons and early answers: the services decide, under the lock.
    """
    if not covers(by, user.role.permissions if user.role else 0):
        return frozenset()
    if user.is_deleted:
        return frozenset({"restore_user"})
    possible = {"change_user_name", "change_user_email"}
    if has_sessions:
        possible |= {"end_user_sessions", "end_user_session"}
    if user.is_invited and not user.is_suspended:
        possible |= {"resend_invite", "copy_invite_link", "revoke_invite"}
    if user.id in {by.id, (by.impersonator or by).id}:
        return frozenset(possible)
    possible |= {"change_account_type", "delete_user"}
    if impersonation.may_begin(user, by=by):
        possible.add("sign_in_as")
    possible.add("reactivate_user" if user.is_suspended else "suspend_user")
    if user.status == "unconfirmed":
        possible |= {"confirm_user", "resend_confirmation"}
    if user.status in {"active", "unconfirmed"}:
        possible.add("send_reset_link")
    if user.password_hash and not user.must_change_password:
        possible.add("require_password_change")
    return frozenset(possible)


def permissions(held: int) -> list[PermissionText]:
    """Return what permission bits allow, in words; of an administrator, that it is everything."""
    if Permission.grants(held, Permission.ADMINISTER):
        return [PERMISSION_TEXTS[Permission.ADMINISTER]]
    return [text for bit, text in PERMISSION_TEXTS.items() if Permission.grants(held, bit)]
