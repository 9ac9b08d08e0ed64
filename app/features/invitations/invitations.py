"""Invite users, resend, copy, revoke and accept invitations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.extensions import db
from app.features.invitations import emails, links
from app.kit import audit, passwords
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import Role, User
from app.services import mailed_links, password_reset, user_changes, users
from app.services.mailed_links import HOUR, LINKS_AN_HOUR, LinkRefused
from app.services.policy import ensure_may_manage, lock
from app.services.user_access import TooManyMails
from app.services.user_changes import Parameters, UserChange


class InvitationsClosed(Exception):
    """Invitations can be neither sent nor accepted."""


class NotInvited(Exception):
    """The user has no open invitation."""


class LinkChanged(Exception):
    """A newer link was made since the page was opened."""


def _was_invited_often(user: Any, given: Parameters) -> Any:
    invited = EmailMessage.count_since(user.email, "invite", given.at - HOUR)
    return invited.correlate(User).scalar_subquery() >= LINKS_AN_HOUR


INVITE = UserChange(
    event="user.invited",
    columns=lambda given: {
        "invited_at": given.at,
        "invited_by_id": given.by.id if given.by else None,
    },
    mail=lambda user, given: emails.send_invite(user, invited_by=given.by),
    is_open=links.are_open,
)
INVITE_AGAIN = replace(
    INVITE,
    event="user.invitation_resent",
    unless={
        "not_invited": lambda user, _given: user_changes.negate(user.is_invited),
        "suspended": lambda user, _given: user.is_suspended,
        "invited_often": _was_invited_often,
    },
    columns=lambda given: {"invited_at": given.at},
)
# Imports and bulk changes offer these while this feature is on.
user_changes.BY_NAME |= {"invite": INVITE, "resend_invitation": INVITE_AGAIN}
users.CHANGE_EVENTS.append("user.invitation_accepted")


def require_open() -> None:
    """Raise InvitationsClosed if invitations are closed."""
    if not links.are_open():
        raise InvitationsClosed


def invite(*, first_name: str, last_name: str, email: str, role: Role, by: User) -> User:
    """Create an account without a password, and queue a mail with a link to choose one.

    An unconfirmed account with this email is taken over, and its password is removed. Raises
    InvitationsClosed, EmailTaken and InsufficientPrivileges.
    """
    require_open()
    user = users.add_or_reuse(
        first_name=first_name, last_name=last_name, email=email, role=role, by=by
    )
    user_changes.apply(INVITE, user, Parameters(by=by), role=role.name)
    return user


def resend(user: User, *, by: User) -> None:
    """Queue the invitation again; the link in the earlier mail stops working.

    Raises InvitationsClosed, NotInvited, InsufficientPrivileges and TooManyMails.
    """
    require_open()
    given = Parameters(by=by)
    user_changes.lock(INVITE_AGAIN, user, given)
    if reason := user_changes.apply(INVITE_AGAIN, user, given):
        db.session.rollback()
        raise TooManyMails if reason == "invited_often" else NotInvited


def copy_link(user: User, *, by: User, known: int | None) -> str:
    """Create and return a new invitation link, to be handed over by other means than mail.

    The link is not stored. Earlier links stop working, and pending mails of the invitation are
    not sent. `known` is the user's invite_message_id when the form was opened, so a form that is
    submitted twice makes one link. Raises InvitationsClosed, NotInvited, InsufficientPrivileges
    and LinkChanged.
    """
    require_open()
    _lock_invited(user, by)
    if user.invite_message_id != known:
        db.session.rollback()
        raise LinkChanged
    mail = emails.note_copied_invite(user, invited_by=by)
    db.session.flush()
    user.invited_at, user.invite_message_id = now(), mail.id
    audit.record("user.invitation_link_copied", by=by, subject=user)
    db.session.commit()
    return links.invite_url(user, is_copied=True)


def revoke(user: User, *, by: User) -> None:
    """Delete a user who has not accepted yet, without sending a mail.

    Raises NotInvited and InsufficientPrivileges.
    """
    _lock_invited(user, by)
    outbox.cancel_for([user.id])
    audit.record("user.invitation_revoked", by=by, subject=user)
    db.session.delete(user)
    db.session.commit()


def accept(user_id: int, token: str, password: str) -> User:
    """Set the password of an invited user, and confirm their email.

    Raises InvitationsClosed, LinkRefused and passwords.WeakPassword.
    """
    require_open()
    user = mailed_links.find_by_token("invite", token)
    if user.id != user_id:
        raise LinkRefused
    password_reset.require_strong_password_of(user, password)
    password_hash = passwords.hash_password(password)  # while no transaction is open
    user = mailed_links.lock_by_token("invite", token)
    user.password_hash = password_hash
    user.confirmed = True
    audit.record("user.invitation_accepted", by=user, subject=user)
    db.session.commit()
    return user


def _lock_invited(user: User, by: User) -> None:
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    if not user.is_invited or not user.is_active:
        raise NotInvited
