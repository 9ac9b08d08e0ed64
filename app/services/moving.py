"""Giving everyone who has a role another one, in a few statements however many they are."""

from typing import Any

from sqlalchemy import Select, func, insert, literal, select, update

from app import emails
from app.extensions import db
from app.models import AuditEvent, Role, User
from app.services import audit

MOST = 200_000  # people that one request moves: some ten seconds


class TooMany(Exception):
    """More people have the role than one request can move; a bulk change can."""


def everyone(role: Role, *, to: Role, by: User | None) -> int:
    """Give the people of `role` the role `to`, and return how many they are; the caller commits.

    Those who are deleted, and may be restored, are moved and counted too; the others are told by
    mail. Each has an event in the trail. Raises TooMany, all rolled back.
    """
    has_it = User.role_id == role.id
    # Locked in the order of their ids, so that nobody else who locks many waits in a circle.
    locked = select(User.id).where(has_it).order_by(User.id).limit(MOST + 1)
    locked = locked.with_for_update(key_share=True)
    count = db.session.scalar(select(func.count()).select_from(locked.subquery())) or 0
    if count > MOST:
        db.session.rollback()
        raise TooMany
    if not count:
        return 0
    _note(has_it, role=role, to=to, by=by)
    emails.send_role_changed_to(has_it & User.deleted_at.is_(None), role_name=to.name)
    db.session.execute(
        update(User).where(has_it).values(role_id=to.id),
        execution_options={"synchronize_session": False},
    )
    return count


def _note(people: Any, *, role: Role, to: Role, by: User | None) -> None:
    """Add an event for each of `people` to the audit trail."""
    columns = AuditEvent.__table__.c
    values = audit.values(
        "user.role_changed", by=by, changes={"role": (role.name, to.name)}, because="role deleted"
    ) | {"subject_type": "user"}
    same = {name: literal(value, columns[name].type) for name, value in values.items()}
    names = [*same, "subject_id", "subject_label"]
    rows: Select[Any] = select(*same.values(), User.id, User.email).where(people)
    db.session.execute(insert(AuditEvent).from_select(names, rows, include_defaults=False))
