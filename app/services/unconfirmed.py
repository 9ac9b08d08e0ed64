"""Handle unconfirmed accounts, which a stranger may have registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from app import emails
from app.extensions import db
from app.kit import audit
from app.kit.audit.many import record_each
from app.kit.mail import outbox
from app.models import User, UserSession
from app.services import sessions


def void_password(user: User, *, by: User | None) -> None:
    """Void the password of one user: see `void_passwords`."""
    void_passwords(User.id == user.id, audit.provenance(by))
    db.session.refresh(user)


def void_passwords(
    condition: ColumnElement[bool], provenance: Mapping[str, Any], *, with_link: bool = False
) -> bool:
    """Void the password of each unconfirmed account that meets the condition, and end its sessions.

    A stranger can register the email of another person with a password of their own, and wait
    until the account is valuable (pre-hijacking: Sudhodanan and Paverd, USENIX Security 2022).
    So call this before an account gets a role, is invited, or is confirmed without proof that its
    owner registered it. The owner chooses a password with a mailed link. `provenance` identifies
    the actor (audit.provenance). The caller has locked the rows, and commits. An account without a
    password loses nothing. Afterwards delete_registration spares all of these accounts.

    Set `with_link` if you send no other mail: it queues the link to users who are not deleted.
    Return whether there is mail to send.
    """
    db.session.flush()
    has_password = and_(condition, User.confirmed.is_(False), User.password_hash.is_not(None))
    ids = select(User.id).where(has_password).scalar_subquery()
    values = {**audit.values("user.password_voided", by=None), **provenance}
    voided = select(User.id, User.email).where(has_password).order_by(User.id)
    record_each(values, voided, kind="user")
    mails = 0
    if with_link:
        mails = emails.send_reset_password_to(has_password & User.deleted_at.is_(None))
    options = {"synchronize_session": False}
    theirs = UserSession.user_id.in_(ids)
    db.session.execute(delete(UserSession).where(theirs), execution_options=options)
    sessions.end_impersonations(UserSession.acting_as_id.in_(ids))
    values = {"password_hash": None, "must_change_password": False, "self_registered": False}
    gained = and_(condition, User.confirmed.is_(False), or_(User.self_registered, has_password))
    db.session.execute(update(User).where(gained).values(values), execution_options=options)
    return mails > 0


def is_registration(user: User | None) -> bool:
    """Tell whether `user` is an unconfirmed registration, for which nobody has vouched."""
    return user is not None and user.status == "unconfirmed" and user.self_registered


def delete_registration(email: str, *, owner: User | None) -> None:
    """Delete the unconfirmed registration of `email`, so that `owner` can take the email.

    `owner` is None if the owner registers now. Locks both rows. The caller commits.
    """
    condition = (User.email == email) | User.id.in_([owner.id] if owner else [])
    users = select(User).where(condition).order_by(User.id).with_for_update(of=User)
    for user in db.session.scalars(users.execution_options(populate_existing=True)).all():
        if user is not owner and is_registration(user):
            outbox.cancel_for([user.id])
            audit.record("user.gave_way", by=owner, by_label=email, subject=user)
            db.session.delete(user)
    db.session.flush()
