"""List the pending invitations for the page of invitations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import aliased

from app.emails import LINK_LIFETIMES
from app.extensions import db
from app.kit import names
from app.kit.database import now
from app.kit.mail.email_message import EmailState
from app.kit.tables.totals import Total
from app.models import EmailMessage, Role, User
from app.services import user_list
from app.services.policy import may_grant


class LinkState(StrEnum):
    """The state of the newest link of an invitation."""

    OPEN = "open"
    EXPIRED = "expired"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class Pending:
    """A row of the list. `expires_at` is None until a link was sent or copied."""

    id: int
    first_name: str
    last_name: str
    email: str
    role_name: str | None
    invited_at: datetime
    invited_by: str
    invited_by_id: int | None
    link: LinkState
    expires_at: datetime | None
    is_copied: bool
    may_be_changed: bool

    def full_name(self) -> str:
        return names.full_name(self.first_name, self.last_name)


@dataclass(frozen=True)
class InvitationPage:
    """A page of invitations, newest first, with the cursors of the pages before and after it."""

    rows: list[Pending]
    total: Total
    before: str | None
    after: str | None


def find(*, by: User, search: str = "", after: str = "", before: str = "") -> InvitationPage:
    """Return the first page, or the page after or before a cursor.

    `search` matches names and emails. Raises NotACursor.
    """
    page = user_list.find(search=search, status="invited", after=after, before=before)
    facts = {row.id: row for row in _facts([row.id for row in page.rows])}
    rows = [_pending(facts[row.id], by) for row in page.rows if row.id in facts]
    return InvitationPage(rows, page.total, page.before, page.after)


def _facts(ids: list[int]) -> list[Row[Any]]:
    inviter = aliased(User)
    return list(
        db.session.execute(
            select(
                User.id,
                User.first_name,
                User.last_name,
                User.email,
                User.created_at,
                User.invited_at,
                User.invited_by_id,
                User.invite_message_id,
                Role.name.label("role_name"),
                Role.permissions,
                inviter.id.label("inviter_id"),
                inviter.first_name.label("inviter_first_name"),
                inviter.last_name.label("inviter_last_name"),
                inviter.email.label("inviter_email"),
                EmailMessage.state,
                EmailMessage.claimed_at,
                EmailMessage.created_at.label("written_at"),
            )
            .outerjoin(Role, Role.id == User.role_id)
            .outerjoin(inviter, inviter.id == User.invited_by_id)
            .outerjoin(EmailMessage, EmailMessage.id == User.invite_message_id)
            .where(User.id.in_(ids))
        )
    )


def _pending(row: Row[Any], by: User) -> Pending:
    invited_at = row.invited_at or row.created_at
    link, expires_at = _link(
        invited_at,
        has_link=row.invite_message_id is not None,
        state=row.state,
        made_at=row.claimed_at or row.written_at,
    )
    name = names.full_name(row.inviter_first_name or "", row.inviter_last_name or "")
    return Pending(
        id=row.id,
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        role_name=row.role_name,
        invited_at=invited_at,
        invited_by=name
        or row.inviter_email
        or ("Someone who is gone" if row.invited_by_id else ""),
        invited_by_id=row.inviter_id,
        link=link,
        expires_at=expires_at,
        is_copied=row.state == EmailState.CANCELLED,
        may_be_changed=may_grant(by, row.permissions or 0),
    )


def _link(
    invited_at: datetime, *, has_link: bool, state: str | None, made_at: datetime | None
) -> tuple[LinkState, datetime | None]:
    """Return the state and the expiry of a link, derived from its mail.

    `made_at` is None if the mail's row is already deleted; the link may outlive that row.
    """
    if not has_link:
        return LinkState.WAITING, None
    if state in {EmailState.PENDING, EmailState.SENDING}:
        return LinkState.WAITING, None
    if state == EmailState.FAILED:
        return LinkState.FAILED, None
    lifetime, _words = LINK_LIFETIMES["invite"]
    expires_at = (made_at or invited_at) + timedelta(seconds=lifetime)
    return (LinkState.OPEN if expires_at > now() else LinkState.EXPIRED), expires_at
