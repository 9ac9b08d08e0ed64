"""Inviting people, who choose a password of their own."""

from app import emails
from app.database import now
from app.extensions import db
from app.models import Role, User
from app.services import audit, outbox, users
from app.services.authority import lock, lock_role, refuse_above


class NotInvited(Exception):
    """The user has no open invitation."""


def invite(*, first_name: str, last_name: str, email: str, role: Role, by: User) -> User:
    """Create an account without a password and queue the link to choose one.

    Raises EmailTaken and AboveOneself.
    """
    lock_role(role)
    refuse_above(by, role)
    user = User(first_name=first_name, last_name=last_name, email=email, role=role)
    user.invited_at, user.invited_by = now(), by
    users.add(user)
    audit.record("user.invited", by=by, subject=user, role=role.name)
    outbox.commit_and_offer(emails.send_invite(user, invited_by=by))
    return user


def resend(user: User, *, by: User) -> None:
    """Queue the invitation again; the link in the earlier mail stops working. Raises NotInvited."""
    lock(user)
    if not user.is_invited:
        raise NotInvited
    user.invited_at = now()
    audit.record("user.invitation_resent", by=by, subject=user)
    outbox.commit_and_offer(emails.send_invite(user, invited_by=by))


def revoke(user: User, *, by: User) -> None:
    """Delete a user who has not accepted yet, without a word to them. Raises NotInvited."""
    lock(user)
    if not user.is_invited:
        raise NotInvited
    outbox.cancel_for(user)
    audit.record("user.invitation_revoked", by=by, subject=user)
    db.session.delete(user)
    db.session.commit()
