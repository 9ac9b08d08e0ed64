"""Giving everyone who has a role another one, in a few statements however many they are."""

from sqlalchemy import ColumnElement, select, update

from app import emails
from app.extensions import db
from app.kit import audit
from app.models import Role, User
from app.services import unproven
from app.services.user_changes import CHANGE_ROLE, Parameters

MOST = 100_000  # people that one request moves: some seconds
BATCH = 10_000  # people that a statement moves: no statement may take ten seconds


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
    ids = db.session.scalars(locked.with_for_update(key_share=True)).all()
    if len(ids) > MOST:
        db.session.rollback()
        raise TooMany
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        _move(has_it & User.id.between(batch[0], batch[-1]), role=role, to=to, by=by)
    return len(ids)


def _move(people: ColumnElement[bool], *, role: Role, to: Role, by: User | None) -> None:
    given = Parameters(by=by, role=to)
    unproven.void_passwords(people, audit.provenance(by))
    changes = CHANGE_ROLE.changes(given, role.name)
    values = audit.values(CHANGE_ROLE.event, by=by, changes=changes, because="role deleted")
    audit.record_each(values, select(User.id, User.email).where(people), kind="user")
    emails.send_role_changed_to(people & User.deleted_at.is_(None), role_name=to.name)
    db.session.execute(
        update(User).where(people).values(CHANGE_ROLE.columns(given)),
        execution_options={"synchronize_session": False},
    )
