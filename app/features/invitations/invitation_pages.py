"""List the pending invitations for the page of invitations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from app.extensions import db
from app.features.invitations.links import LIFETIME
from app.kit import names
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage, EmailState
from app.models import User


class LinkState(StrEnum):
    """The state of the newest link of an invitation."""

    OPEN = "open"
    EXPIRED = "expired"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class Pending:
    """A row of the list. `expires_at` is None until a link was sent or copied."""

    user: User
    link: LinkState
    expires_at: datetime | None
    is_copied: bool

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.full_name() or self.user.email

    @property
    def email(self) -> str:
        """The email, or "" if it stands for the name."""
        return self.user.email if self.user.full_name() else ""

    @property
    def initials(self) -> str:
        return names.initials(self.user.first_name, self.user.last_name, self.user.email)

    @property
    def invited_at(self) -> datetime:
        return self.user.invited_at or self.user.created_at

    @property
    def invited_by(self) -> str:
        """The name of the user who sent the invitation, for administrators."""
        inviter = self.user.invited_by
        if inviter is not None:
            return inviter.full_name() or inviter.email
        return "Someone who is gone" if self.user.invited_by_id else "Not known"


def pending(users: list[User]) -> list[Pending]:
    """Return the rows of invited users, with the states of their newest links."""
    mails = EmailMessage.id.in_([user.invite_message_id for user in users])
    found = {mail.id: mail for mail in db.session.scalars(select(EmailMessage).where(mails))}
    return [_pending(user, found.get(user.invite_message_id or 0)) for user in users]


def _pending(user: User, mail: EmailMessage | None) -> Pending:
    link, expires_at = _link(
        user.invited_at or user.created_at,
        has_link=user.invite_message_id is not None,
        state=mail.state if mail else None,
        made_at=mail.claimed_at or mail.created_at if mail else None,
    )
    return Pending(user, link, expires_at, mail is not None and mail.state == EmailState.CANCELLED)


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
    if state in {EmailState.FAILED, EmailState.BOUNCED}:
        return LinkState.FAILED, None
    expires_at = (made_at or invited_at) + timedelta(seconds=LIFETIME)
    return (LinkState.OPEN if expires_at > now() else LinkState.EXPIRED), expires_at
