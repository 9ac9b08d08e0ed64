"""Move all users of a role to another role, in few statements for any number of users."""

from sqlalchemy import ColumnElement, select, update

from app import emails
from app.extensions import db
from app.kit import audit
from app.kit.audit.many import record_each
from app.models import Role, User
from app.services import unconfirmed
from app.services.user_changes import CHANGE_ROLE, Parameters

MOST = 100_000  # users that one request moves, in some seconds
BATCH = 10_000  # users that one statement moves; a statement must take less than ten seconds


class TooManyUsers(Exception):
    """The role has more users than one request can move. A bulk action can move them."""


def move_users(role: Role, *, to: Role, by: User | None) -> int:
    """Give all users of `role` the role `to`, and return their number; the caller commits.

    Deleted users are moved and counted as well, because they may be restored. The others get a
    mail. The audit trail gets an event for each user. Raises TooMany after a rollback.
    """
    has_it = User.role_id == role.id
    # Lock in the order of ids to avoid deadlocks with other code that locks many users.
    locked = select(User.id).where(has_it).order_by(User.id).limit(MOST + 1)
    ids = db.session.scalars(locked.with_for_update(key_share=True)).all()
    if len(ids) > MOST:
        db.session.rollback()
        raise TooManyUsers
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        _move(has_it & User.id.between(batch[0], batch[-1]), role=role, to=to, by=by)
    return len(ids)


def _move(condition: ColumnElement[bool], *, role: Role, to: Role, by: User | None) -> None:
    given = Parameters(by=by, role=to)
    unconfirmed.void_passwords(condition, audit.provenance(by))
    changes = CHANGE_ROLE.changes(given, role.name)
    values = audit.values(CHANGE_ROLE.event, by=by, changes=changes, because="role deleted")
    record_each(values, select(User.id, User.email).where(condition), kind="user")
    emails.send_role_changed_to(condition & User.deleted_at.is_(None), role_name=to.name)
    db.session.execute(
        update(User).where(condition).values(CHANGE_ROLE.columns(given)),
        execution_options={"synchronize_session": False},
    )
