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
from app.kit.mail import recipients
from app.kit.mail.email_message import EmailMessage, EmailState
from app.models import User


class LinkState(StrEnum):
    """The state of the newest link of an invitation."""

    OPEN = "open"
    EXPIRED = "expired"
    WAITING = "waiting"
    FAILED = "failed"
    STOPPED = "stopped"
    """No mail goes to the address, and no link was copied."""


@dataclass(frozen=True)
class Pending:
    """A row of the list. `expires_at` is None until a link was sent or copied."""

    user: User
    link: LinkState
    expires_at: datetime | None
    is_copied: bool
    no_mail: str
    """Why no mail goes to the address, or ""."""

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
    first = _mails_without_link([user.id for user in users if user.invite_message_id is None])
    against = recipients.reasons_against([user.email for user in users])
    return [
        _pending(
            user,
            found.get(user.invite_message_id) if user.invite_message_id else first.get(user.id),
            against.get(user.email, ""),
        )
        for user in users
    ]


def _mails_without_link(user_ids: list[int]) -> dict[int, EmailMessage]:
    """Return the newest invitation of each of these users, none of which got a link."""
    if not user_ids:
        return {}
    mails = (
        select(EmailMessage)
        .where(EmailMessage.user_id.in_(user_ids), EmailMessage.message == "invite")
        .order_by(EmailMessage.id)
    )
    return {mail.user_id: mail for mail in db.session.scalars(mails) if mail.user_id}


def _pending(user: User, mail: EmailMessage | None, no_mail: str) -> Pending:
    link, expires_at = _link(user, mail)
    if no_mail and link in {LinkState.WAITING, LinkState.FAILED}:
        link = LinkState.STOPPED
    is_copied = expires_at is not None and mail is not None and mail.state == EmailState.CANCELLED
    return Pending(user, link, expires_at, is_copied, no_mail)


def _link(user: User, mail: EmailMessage | None) -> tuple[LinkState, datetime | None]:
    """Return the state and the expiry of a user's newest link, derived from its mail.

    The link may outlive the row of its mail.
    """
    state = mail.state if mail else None
    if user.invite_message_id is None:
        # The mail is cancelled if no mail goes to the address, even if it is allowed again later.
        return (LinkState.FAILED if state == EmailState.CANCELLED else LinkState.WAITING), None
    if state in {EmailState.PENDING, EmailState.SENDING}:
        return LinkState.WAITING, None
    if state in {EmailState.FAILED, EmailState.BOUNCED}:
        return LinkState.FAILED, None
    made_at = (mail.claimed_at or mail.created_at) if mail else (user.invited_at or user.created_at)
    expires_at = made_at + timedelta(seconds=LIFETIME)
    return (LinkState.OPEN if expires_at > now() else LinkState.EXPIRED), expires_at
