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
    people: ColumnElement[bool], provenance: Mapping[str, Any], *, with_link: bool = False
) -> bool:
    """Void the password of each unconfirmed account among `people`, and end its sessions.

    A stranger can register the email of another person with a password of their own, and wait
    until the account is valuable (pre-hijacking: Sudhodanan and Paverd, USENIX Security 2022).
    So call this before an account gets a role, is invited, or is confirmed without proof that its
    owner registered it. The owner chooses a password with a mailed link. `provenance` identifies
    the actor (audit.provenance). The caller has locked the rows, and commits. An account without a
    password loses nothing. None of the accounts gives way any more (give_way).

    Set `with_link` if you send no other mail: it queues the link to users who are not deleted.
    Return whether there is mail to send.
    """
    db.session.flush()
    unproven = and_(people, User.confirmed.is_(False), User.password_hash.is_not(None))
    ids = select(User.id).where(unproven).scalar_subquery()
    values = {**audit.values("user.password_voided", by=None), **provenance}
    voided = select(User.id, User.email).where(unproven).order_by(User.id)
    record_each(values, voided, kind="user")
    told = emails.send_reset_password_to(unproven & User.deleted_at.is_(None)) if with_link else 0
    options = {"synchronize_session": False}
    theirs = UserSession.user_id.in_(ids)
    db.session.execute(delete(UserSession).where(theirs), execution_options=options)
    sessions.end_impersonations(UserSession.acting_as_id.in_(ids))
    values = {"password_hash": None, "must_change_password": False, "self_registered": False}
    gained = and_(people, User.confirmed.is_(False), or_(User.self_registered, unproven))
    db.session.execute(update(User).where(gained).values(values), execution_options=options)
    return told > 0


def holds_only(user: User | None) -> bool:
    """Tell whether `user` is an unconfirmed registration, for which nobody has vouched."""
    return user is not None and user.status == "unconfirmed" and user.self_registered


def give_way(email: str, *, to: User | None) -> None:
    """Delete the unconfirmed registration of `email`, whose owner is `to` or, if None, registers.

    Locks both rows. The caller commits.
    """
    people = select(User).where((User.email == email) | User.id.in_([to.id] if to else []))
    locked = people.order_by(User.id).with_for_update(of=User)
    for user in db.session.scalars(locked.execution_options(populate_existing=True)).all():
        if user is not to and holds_only(user):
            outbox.cancel_for([user.id])
            audit.record("user.gave_way", by=to, by_label=email, subject=user)
            db.session.delete(user)
    db.session.flush()
