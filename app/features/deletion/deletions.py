"""Soft-delete users, restore them, and erase them for good after a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import delete as delete_rows
from sqlalchemy import select

from app.extensions import db
from app.features.deletion import emails, erasure
from app.kit import audit, erasing, guesses
from app.kit.audit.forgetting import name_of_erased
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.email_message import SENT_STATES, EmailMessage, EmailState
from app.models import AuditEvent, User
from app.services import user_changes
from app.services.own_account import ensure_not_impersonating
from app.services.policy import ensure_may_manage, lock
from app.services.sign_in import proves_identity, refuse_password
from app.services.user_changes import Parameters, UserChange

# Each user has events of the audit trail to rewrite, and SQLite has one writer at a time.
PURGE_BATCH = 50
ENDED = (*SENT_STATES, EmailState.FAILED, EmailState.CANCELLED)

DELETE = UserChange(
    event="user.deleted",
    columns=lambda given: {"deleted_at": given.at},
    mail=lambda user, _given: emails.send_account_deleted(user),
    ends_sessions=True,
    cancels_mail=True,
    shuts_out=True,
    skips_self=True,
)
DELETE_ONESELF = replace(DELETE, skips_self=False)


def delete(user: User, *, by: User | None) -> None:
    """Soft-delete `user`: end their sessions and tell them by mail.

    Queued mail to them is cancelled. Raises NotOnSelf, InsufficientPrivileges and
    LastAdministrator.
    """
    given = Parameters(by=by)
    user_changes.lock(DELETE, user, given)
    user_changes.apply(DELETE, user, given)


def delete_oneself(user: User, *, password: str) -> None:
    """Soft-delete the account of `user` at their own request.

    Raises NotWhileImpersonating, TooManyGuesses, WrongPassword and LastAdministrator.
    """
    ensure_not_impersonating(user)
    given = Parameters(by=user)
    guess = guesses.at_own_password(user.email)
    verified = user.password_hash
    is_right = proves_identity(user, password)
    if is_right:
        # The password may have changed while it was verified.
        user_changes.lock(DELETE_ONESELF, user, given)
    if not is_right or user.password_hash != verified:
        refuse_password("user.deletion_refused", user)
    guess.was_right()
    user_changes.apply(DELETE_ONESELF, user, given)


def restore(user: User, *, by: User | None) -> None:
    """Restore a deleted user and tell them by mail. Raises InsufficientPrivileges.

    Their ended sessions and cancelled mails stay as they are.
    """
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    if not user.is_deleted:
        return
    user.deleted_at = None
    audit.record("user.restored", by=by, subject=user)
    outbox.commit_and_notify(emails.send_account_restored(user))


def restorable_for() -> timedelta:
    return timedelta(days=current_app.config["RESTORE_DELETED_DAYS"])


erasing.delays.append(restorable_for)


def purge() -> int:
    """Erase users who were deleted RESTORE_DELETED_DAYS ago or earlier, and return their number.

    Their events stay in the audit trail without their email. Users are erased in batches, because
    SQLite has one writer at a time. An interrupted run continues the next night.
    """
    before = now() - restorable_for()
    purged = 0
    while count := _purge_batch(before):
        purged += count
    return purged


def _purge_batch(before: datetime) -> int:
    is_due = User.deleted_at <= before
    oldest = select(User.id, User.email).where(is_due).order_by(User.deleted_at, User.id)
    found = oldest.limit(PURGE_BATCH)
    erasure.anonymise_most(db.session.scalars(found).all(), is_due)
    # Users who are being restored are locked: skip them. The next query no longer finds them.
    locked = found.with_for_update(skip_locked=True, of=User)
    people = dict(iter(db.session.execute(locked)))
    if people:
        erasure.anonymise(list(people))
        # Mails contain personal data. A mail with a worker's lease is kept without its user.
        for theirs in (
            EmailMessage.user_id.in_(people),
            EmailMessage.recipient.in_(people.values()),
        ):
            db.session.execute(
                delete_rows(EmailMessage).where(theirs, EmailMessage.state.in_(ENDED)),
                execution_options={"synchronize_session": False},
            )
        db.session.execute(
            delete_rows(User).where(User.id.in_(people)),
            execution_options={"synchronize_session": False},
        )
        for user_id in sorted(people):
            _note_purge(user_id)
    db.session.commit()
    return len(people)


def _note_purge(user_id: int) -> None:
    about: dict[str, Any] = {"subject_type": "user", "subject_id": user_id}
    about["subject_label"] = name_of_erased(user_id)
    db.session.add(AuditEvent(**audit.values("user.purged", by=None), **about))
