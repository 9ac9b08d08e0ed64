"""Actions of administrators on the accounts of other users."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import emails
from app.extensions import db
from app.kit import audit, edit_conflicts, passwords
from app.kit.mail import outbox
from app.kit.names import canonical_email
from app.models import Role, User
from app.services import sessions, unconfirmed, user_changes
from app.services.own_account import UserGone
from app.services.password_reset import require_strong_password
from app.services.policy import ensure_may_manage, lock, lock_actor, lock_role
from app.services.user_changes import Parameters, UserChange

# The events of the audit trail that change the result of `form_values`. Features add theirs.
CHANGE_EVENTS = [
    *("user.renamed", "user.email_changed", "user.role_changed", "user.confirmed"),
    *("user.email_change_asked", "user.email_change_cancelled"),
    *("user.suspended", "user.reactivated", "user.password_reset"),
]


class EmailTaken(Exception):
    """Raised if another user has the email. `deleted` is that user, if they are deleted."""

    deleted: User | None = None


# Creating users


def create(
    *, first_name: str, last_name: str, email: str, role: Role, password: str, by: User
) -> User:
    """Create a confirmed user and tell them by mail. The mail does not contain the password.

    Raises EmailTaken, InsufficientPrivileges and passwords.WeakPassword.
    """
    require_strong_password(password, first_name=first_name, last_name=last_name, email=email)
    password_hash = passwords.hash_password(password)  # while no transaction is open
    user = add_or_reuse(first_name=first_name, last_name=last_name, email=email, role=role, by=by)
    user.password_hash, user.confirmed = password_hash, True
    audit.record("user.created", by=by, subject=user, role=role.name)
    outbox.commit_and_notify(emails.send_account_created(user))
    return user


def create_administrator(
    *, email: str, password: str, enforce_password_rule: bool = True
) -> tuple[User, bool]:
    """Return the user with this email, created as an administrator if missing, and whether it was.

    An existing user is not changed, so a changed password is not reset. Raises
    passwords.WeakPassword.
    """
    if user := User.by_email(email):
        return user, False
    if enforce_password_rule:
        require_strong_password(password, email=email)
    roles = select(Role).where(Role.administrators()).order_by(Role.id).limit(1)
    role = db.session.scalar(roles.with_for_update(read=True, key_share=True))
    user = User(first_name="Admin", last_name="Account", email=email, role=role, confirmed=True)
    user.password = password
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:  # another process has just made it
        db.session.rollback()
        if known := User.by_email(email):
            return known, False
        raise
    audit.record("user.created", by=None, subject=user, role=role.name if role else None)
    db.session.commit()
    return user, True


# Changing users


def form_values(user: User) -> dict[str, object]:
    """Return the values that forms about `user` show, for the snapshot of optimistic locking."""
    return {
        "First name": user.first_name,
        "Last name": user.last_name,
        "Email address": user.email,
        "New address, not confirmed": user.pending_email,
        "Role": user.role.name if user.role else None,
        "Status": user.status.capitalize(),
    }


def change_name(
    user: User, *, first_name: str, last_name: str, by: User | None, seen: str | None = None
) -> None:
    """Change the name of `user`. `by` may be the user themselves.

    `seen` is the form's snapshot of `form_values`. Raises InsufficientPrivileges, UserGone and
    edit_conflicts.EditConflict.
    """
    lock_present(user, by=by)
    ensure_may_manage(None if by is user else by, user.role)
    _ensure_unchanged(seen, user)
    pairs = {
        "first_name": (user.first_name, first_name),
        "last_name": (user.last_name, last_name),
    }
    changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if not changed:
        return
    user.first_name, user.last_name = first_name, last_name
    audit.record("user.renamed", by=by, subject=user, changes=changed)
    db.session.commit()


def change_email(user: User, *, email: str, by: User | None, seen: str | None = None) -> None:
    """Change the email of `user`, send a notice to both addresses, and sign them out.

    Administrators who change their own email stay signed in here. `seen` is the form's snapshot of
    `form_values`. Raises EmailTaken, InsufficientPrivileges, UserGone and EditConflict.
    """
    lock_present(user, by=by)
    ensure_may_manage(by, user.role)
    _ensure_unchanged(seen, user)
    old_email = user.email
    if canonical_email(email) == old_email:
        return
    user.email, user.pending_email = email, None
    _flush(email)
    sessions.end_all_others(user, by=by)
    audit.record(
        "user.email_changed", by=by, subject=user, changes={"email": (old_email, user.email)}
    )
    outbox.commit_and_notify(
        *emails.send_email_changed(user, old_email=old_email, new_email=user.email)
    )


def change_role(user: User, *, role: Role, by: User | None, seen: str | None = None) -> None:
    """Change the role of `user`, effective from their next request.

    The password of an unconfirmed account is voided. Raises NotOnSelf, InsufficientPrivileges,
    LastAdministrator, RoleGone, UserGone and edit_conflicts.EditConflict.
    """
    _change(user_changes.CHANGE_ROLE, user, Parameters(by=by, role=role), seen)


def suspend(user: User, *, by: User | None, reason: str = "", seen: str | None = None) -> None:
    """Suspend `user` until they are reactivated. Only administrators see `reason`.

    Raises NotOnSelf, InsufficientPrivileges, LastAdministrator, UserGone and
    edit_conflicts.EditConflict.
    """
    _change(user_changes.SUSPEND, user, Parameters(by=by, reason=reason), seen)


def reactivate(user: User, *, by: User | None, reason: str = "", seen: str | None = None) -> None:
    """Reactivate a suspended user.

    Raises InsufficientPrivileges, UserGone and edit_conflicts.EditConflict.
    """
    _change(user_changes.REACTIVATE, user, Parameters(by=by, reason=reason), seen)


def add_or_reuse(*, first_name: str, last_name: str, email: str, role: Role, by: User) -> User:
    """Return a new user, or reuse the unconfirmed account with this email without its password.

    A stranger who registers an email must not lock out its owner. The caller commits. Raises
    EmailTaken and InsufficientPrivileges.
    """
    lock_role(role)
    user = User.by_email(email)
    if user is None or user.status != "unconfirmed":
        lock_actor(by)
        user = User(email=email, role=role)
    else:
        lock_present(user, by=by)
        if user.status != "unconfirmed" or user.email != canonical_email(email):
            db.session.rollback()
            raise email_taken(email)
        ensure_may_manage(by, user.role)
        unconfirmed.void_password(user, by=by)
    ensure_may_manage(by, role)
    user.first_name, user.last_name, user.role = first_name, last_name, role
    db.session.add(user)
    _flush(email)
    return user


def email_taken(email: str) -> EmailTaken:
    """Return an EmailTaken exception that names the owner of an email if they are deleted."""
    error, owner = EmailTaken(), User.by_email(email)
    if owner is not None and owner.is_deleted:
        error.deleted = owner
    return error


def _flush(email: str) -> None:
    """Write a user with this email. Raises EmailTaken."""
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise email_taken(email) from None


def lock_present(user: User, *, by: User | None) -> None:
    """Lock `user`. Raises UserGone, even if they are deleted and can be restored."""
    lock(user, by=by)
    refuse_deleted(user)


def refuse_deleted(user: User) -> None:
    """Raise UserGone for a deleted user, because they can only be restored."""
    if user.is_deleted:
        db.session.rollback()
        raise UserGone


def _change(change: UserChange, user: User, given: Parameters, seen: str | None) -> None:
    user_changes.lock(change, user, given)
    refuse_deleted(user)
    _ensure_unchanged(seen, user)
    user_changes.apply(change, user, given)


def _ensure_unchanged(seen: str | None, user: User) -> None:
    edit_conflicts.ensure_unchanged(seen, form_values(user), user, CHANGE_EVENTS)
