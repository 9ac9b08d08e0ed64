"""What administrators do to other people's accounts."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import emails
from app.database import now
from app.extensions import db
from app.models import Role, User
from app.models.user import canonical_email
from app.services import audit, outbox, sessions
from app.services.accounts import EmailTaken, require_strong_password
from app.services.authority import (
    keep_an_administrator,
    lock,
    refuse_above,
    refuse_oneself,
)

# Making people


def create(
    *, first_name: str, last_name: str, email: str, role: Role, password: str, by: User
) -> User:
    """Create a confirmed account and tell its owner, who is never told the password.

    Raises EmailTaken, AboveOneself and passwords.WeakPassword.
    """
    refuse_above(by, role)
    require_strong_password(password, first_name=first_name, last_name=last_name, email=email)
    user = User(first_name=first_name, last_name=last_name, email=email, role=role, confirmed=True)
    user.password = password
    add(user)
    audit.record("user.created", by=by, subject=user, role=role.name)
    outbox.commit_and_offer(emails.send_account_created(user))
    return user


def create_administrator(
    *, email: str, password: str, enforce_password_rule: bool = True
) -> tuple[User, bool]:
    """Return the administrator with this address and whether it had to be made.

    Someone who has the address already is left as they are: a password that was changed is not
    changed back. Raises passwords.WeakPassword.
    """
    if user := User.by_email(email):
        return user, False
    if enforce_password_rule:
        require_strong_password(password, email=email)
    role = db.session.scalar(select(Role).where(Role.administrators()).order_by(Role.id).limit(1))
    user = User(first_name="Admin", last_name="Account", email=email, role=role, confirmed=True)
    user.password = password
    db.session.add(user)
    db.session.commit()
    return user, True


# Changing people


def change_email(user: User, *, email: str, by: User) -> None:
    """Give `user` another address and tell both addresses. Raises EmailTaken and AboveOneself."""
    lock(user)
    refuse_above(by, user.role)
    old_email = user.email
    if canonical_email(email) == old_email:
        return
    user.email, user.pending_email = email, None
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise EmailTaken from None
    audit.record(
        "user.email_changed", by=by, subject=user, changes={"email": (old_email, user.email)}
    )
    outbox.commit_and_offer(
        *emails.send_email_changed(user, old_email=old_email, new_email=user.email)
    )


def change_role(user: User, *, role: Role, by: User) -> None:
    """Give `user` another role, from their next request on.

    Raises NotOnOneself, AboveOneself and LastAdministrator.
    """
    refuse_oneself(user, by)
    refuse_above(by, role)
    if role.id == user.role_id:
        return
    if role.is_administrator:
        lock(user)
    else:
        keep_an_administrator(user)
    refuse_above(by, user.role)
    before, user.role = user.role, role
    audit.record(
        "user.role_changed",
        by=by,
        subject=user,
        changes={"role": (before.name if before else None, role.name)},
    )
    outbox.commit_and_offer(emails.send_role_changed(user))


def suspend(user: User, *, by: User) -> None:
    """Keep `user` out until reactivated.

    Raises NotOnOneself, AboveOneself and LastAdministrator.
    """
    refuse_oneself(user, by)
    keep_an_administrator(user)
    refuse_above(by, user.role)
    if user.is_suspended:
        return
    user.suspended_at = now()
    sessions.end_all(user)
    audit.record("user.suspended", by=by, subject=user)
    outbox.commit_and_offer(emails.send_account_suspended(user))


def reactivate(user: User, *, by: User) -> None:
    """Let a suspended user in again. Raises AboveOneself."""
    lock(user)
    refuse_above(by, user.role)
    if not user.is_suspended:
        return
    user.suspended_at = None
    audit.record("user.reactivated", by=by, subject=user)
    outbox.commit_and_offer(emails.send_account_reactivated(user))


def delete(user: User, *, by: User) -> None:
    """Delete `user` so that they can be restored for a while: end their sessions and tell them.

    Mail that waits for them is cancelled. Raises NotOnOneself, AboveOneself and LastAdministrator.
    """
    refuse_oneself(user, by)
    keep_an_administrator(user)
    refuse_above(by, user.role)
    if user.is_deleted:
        return
    outbox.cancel_for(user)
    user.deleted_at = now()
    sessions.end_all(user)
    audit.record("user.deleted", by=by, subject=user)
    outbox.commit_and_offer(emails.send_account_deleted(user))


def add(user: User) -> None:
    """Give a new user an id; the caller commits. Raises EmailTaken."""
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise EmailTaken from None
