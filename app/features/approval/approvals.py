"""Registrations wait for an administrator, who approves or refuses them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flask import current_app
from sqlalchemy import ColumnElement, and_, delete, exists, false, func, or_, select

from app.extensions import db
from app.features.approval import emails
from app.features.approval.models import RegistrationRequest
from app.features.deletion import DELETE
from app.kit import audit, queue
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import Permission, User
from app.services import user_changes
from app.services.policy import actor_ids, ensure_may_manage, lock, may_grant
from app.services.user_changes import SUSPEND, Parameters

LEAST_PAUSE = timedelta(hours=20)  # between two mails about waiting registrations
EXPIRE = replace(DELETE, event="user.registration_expired", mail=None)
REFUSE = replace(
    SUSPEND,
    event="user.registration_refused",
    mail=lambda user, given: emails.send_registration_refused(user, given.reason),
)


class NotWaiting(Exception):
    """Raised if the registration of a user does not wait for approval."""


def is_on() -> bool:
    return bool(current_app.config["APPROVE_REGISTRATIONS"])


def begin(user: User) -> None:
    """Let a user who registers wait, if the setting says so. The caller commits."""
    if is_on():
        db.session.add(RegistrationRequest(user_id=user.id))


def waiting() -> ColumnElement[bool]:
    """Return the condition that a user waits, has confirmed their email, and may be approved."""
    request = RegistrationRequest
    ids = select(request.user_id).where(request.refused_at.is_(None))
    return and_(User.id.in_(ids), User.stored_status == "active", User.invited_at.is_(None))


def is_waiting(user: User) -> bool:
    """Tell whether nobody has decided on the registration of `user`, who was not invited since."""
    request = RegistrationRequest
    mine = exists().where(request.user_id == user.id, request.refused_at.is_(None))
    return user.invited_at is None and bool(db.session.scalar(select(mine)))


def request_of(user: User) -> RegistrationRequest | None:
    return db.session.get(RegistrationRequest, user.id)


def count_waiting() -> int:
    return db.session.scalar(select(func.count()).select_from(User).where(waiting())) or 0


# Deciding. The functions for one page lock the user and commit; the others serve bulk actions too.


def why_not(user: User, *, by: User) -> str:
    """Return in words why `by` cannot decide on the registration of `user`, or ""."""
    if not user.is_active or not is_waiting(user):
        return "Does not wait for approval any more"
    if not may_grant(by, user.role.permissions if user.role else 0):
        return "Has permissions that you lack"
    return ""


def why_not_refuse(user: User, *, by: User) -> str:
    """Return in words why `by` cannot refuse a registration of many, or "".

    An administrator is refused one by one, because one has to remain.
    """
    if user.id in actor_ids(by) or (user.role and user.role.is_administrator):
        return "Is an administrator, or you"
    return why_not(user, by=by)


def approve(user: User, *, by: User | None) -> None:
    """Let a locked user in, and tell them by mail. The caller commits. Raises NotWaiting."""
    db.session.delete(_request_of(user))
    audit.record("user.registration_approved", by=by, subject=user)
    emails.send_registration_approved(user)


def refuse(user: User, *, by: User | None, reason: str) -> None:
    """Suspend a locked user, and tell them by mail why.

    The caller commits. Raises NotWaiting.
    """
    request, given = _request_of(user), Parameters(by=by, reason=reason)
    request.refused_at = given.at
    user_changes.write(REFUSE, user, given)


def approve_one(user: User, *, by: User) -> None:
    """Approve one registration. Raises NotWaiting, InsufficientPrivileges and UserGone."""
    lock(user, by=by)
    ensure_may_manage(by, user.role)
    approve(user, by=by)
    _commit_and_notify()


def refuse_one(user: User, *, by: User | None, reason: str) -> None:
    """Refuse one registration. Raises NotWaiting, and all that suspending a user raises."""
    user_changes.lock(REFUSE, user, Parameters(by=by))
    refuse(user, by=by, reason=reason)
    _commit_and_notify()


def _commit_and_notify() -> None:
    db.session.commit()
    queue.enqueue("drain_outbox")


def _request_of(user: User) -> RegistrationRequest:
    request = db.session.get(RegistrationRequest, user.id, populate_existing=True)
    if request is None or request.refused_at or not user.is_active or user.invited_at:
        raise NotWaiting
    return request


# By night


def tell_managers() -> bool:
    """Write a mail to each user who may approve, if registrations wait. Tell whether it did.

    A task may run twice, so nothing is written soon after the last mail.
    """
    count = count_waiting()
    recent = exists().where(
        EmailMessage.message == "registrations_waiting",
        EmailMessage.created_at > now() - LEAST_PAUSE,
    )
    if not is_on() or not count or db.session.scalar(select(recent)):
        return False
    emails.send_registrations_waiting_to(User.active_with(Permission.MANAGE_USERS), count=count)
    _commit_and_notify()
    return True


def let_in() -> int:
    """Approve the users who wait while the setting is off, and return their number.

    They can use their account, so a setting that is switched on later must not hold them back. A
    user who has not confirmed their email gets no mail.
    """
    if is_on():
        return 0
    request = RegistrationRequest
    ids = db.session.scalars(select(request.user_id).where(request.refused_at.is_(None))).all()
    for user_id in ids:
        user = db.session.get(User, user_id)
        if user is None:
            continue
        lock(user, by=None)
        if user.is_active and user.confirmed and is_waiting(user):
            approve(user, by=None)
        elif not user.is_deleted:
            db.session.execute(
                delete(request).where(request.user_id == user_id, request.refused_at.is_(None))
            )
        db.session.commit()
    return len(ids)


def purge() -> int:
    """Delete accounts that were refused or never approved KEEP_UNAPPROVED_DAYS ago.

    The feature `deletion` erases them, as any deleted account. A refused user who was reactivated
    stays, even if suspended later, and so do those who wait while the setting is off, because it
    lets them in. So do those who were seen since: they may have used their account while the whole
    feature was off. Return their number.
    """
    before = now() - timedelta(days=current_app.config["KEEP_UNAPPROVED_DAYS"])
    request = RegistrationRequest
    is_gone = User.last_seen_at.is_(None) | (User.last_seen_at < before)
    waits = and_(request.refused_at.is_(None), User.invited_at.is_(None), is_gone)
    is_due = or_(
        and_(request.refused_at < before, User.suspended_at == request.refused_at),
        and_(waits, request.created_at < before) if is_on() else false(),
    )
    due = select(User.id).join(request, request.user_id == User.id)
    ids = db.session.scalars(due.where(is_due, User.deleted_at.is_(None))).all()
    return sum(_expire(user_id, is_due) for user_id in ids)


def _expire(user_id: int, is_due: ColumnElement[bool]) -> bool:
    """Delete one account, unless somebody decided on it meanwhile."""
    user = db.session.get(User, user_id)
    if user is None:
        return False
    given = Parameters(by=None)
    user_changes.lock(EXPIRE, user, given)
    still = select(User.id).join(RegistrationRequest, RegistrationRequest.user_id == User.id)
    if user.is_deleted or db.session.scalar(still.where(is_due, User.id == user_id)) is None:
        db.session.rollback()
        return False
    user_changes.apply(EXPIRE, user, given)
    return True
