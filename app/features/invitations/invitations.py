"""Invite users, resend, copy and revoke invitations."""

from app import emails
from app.extensions import db
from app.kit import audit
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.web.links import external_url
from app.models import Role, User
from app.services import registration, user_changes, users
from app.services.access import TooManyMails
from app.services.policy import ensure_may_manage, lock
from app.services.user_changes import Parameters


class NotInvited(Exception):
    """The user has no open invitation."""


class LinkChanged(Exception):
    """A newer link was made since the page was opened."""


def invite(*, first_name: str, last_name: str, email: str, role: Role, by: User) -> User:
    """Create an account without a password, and queue a mail with a link to choose one.

    An unconfirmed account with this email is taken over, and its password is removed. Raises
    InvitationsClosed, EmailTaken and InsufficientPrivileges.
    """
    registration.require_invitations()
    user = users.obtain(first_name=first_name, last_name=last_name, email=email, role=role, by=by)
    user_changes.apply(user_changes.INVITE, user, Parameters(by=by), role=role.name)
    return user


def resend(user: User, *, by: User) -> None:
    """Queue the invitation again; the link in the earlier mail stops working.

    Raises InvitationsClosed, NotInvited, InsufficientPrivileges and TooManyMails.
    """
    registration.require_invitations()
    given = Parameters(by=by)
    user_changes.lock(user_changes.INVITE_AGAIN, user, given)
    if reason := user_changes.apply(user_changes.INVITE_AGAIN, user, given):
        db.session.rollback()
        raise TooManyMails if reason == "invited_often" else NotInvited


def copy_link(user: User, *, by: User, known: int | None) -> str:
    """Create and return a new invitation link, to be handed over by other means than mail.

    The link is not stored. Earlier links stop working, and pending mails of the invitation are
    not sent. `known` is the user's invite_message_id when the form was opened, so a form that is
    submitted twice makes one link. Raises InvitationsClosed, NotInvited, InsufficientPrivileges
    and LinkChanged.
    """
    registration.require_invitations()
    _lock_invited(user, by)
    if user.invite_message_id != known:
        db.session.rollback()
        raise LinkChanged
    mail = emails.note_copied_invite(user, invited_by=by)
    db.session.flush()
    user.invited_at, user.invite_message_id = now(), mail.id
    audit.record("user.invitation_link_copied", by=by, subject=user)
    db.session.commit()
    lifetime, _words = emails.LINK_LIFETIMES["invite"]
    token = user.generate_invite_token(lifetime, is_copied=True)
    return external_url("account.join_from_invite", user_id=user.id, token=token)


def revoke(user: User, *, by: User) -> None:
    """Delete a user who has not accepted yet, without sending a mail.

    Raises NotInvited and InsufficientPrivileges.
    """
    _lock_invited(user, by)
    outbox.cancel_for([user.id])
    audit.record("user.invitation_revoked", by=by, subject=user)
    db.session.delete(user)
    db.session.commit()


def _lock_invited(user: User, by: User) -> None:
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    if not user.is_invited or not user.is_active:
        raise NotInvited
