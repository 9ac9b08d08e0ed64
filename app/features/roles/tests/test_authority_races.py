"""Test changes of a role while the acting user loses the permission."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.roles import editing
from app.features.roles.editing import Values
from app.kit.database import now
from app.models import AuditEvent, User
from app.services import roles
from app.services.policy import PrivilegesLost
from tests.concurrency.test_races import role_id
from tests.factories import make_role, make_user


def named(name, permissions):
    """Return the role with this name, or create it. Roles stay in the database between tests."""
    if role_id(name) is None:
        make_role(name, permissions=permissions)
    return name


LOSSES = {
    "demoted": lambda: {"role_id": role_id("User")},
    "suspended": lambda: {"suspended_at": now()},
    "deleted": lambda: {"deleted_at": now()},
}


ROLE_ACTIONS_TRIED = {
    "make": lambda _role, by: editing.create(Values("New", "main", 0x01, False), by=by),
    "change": lambda role, by: editing.change(role, Values("Odd", "main", 0x11, False), by=by),
    "delete": lambda role, by: editing.delete(role, move_to=roles.known()[-1], by=by),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("action", ROLE_ACTIONS_TRIED)
def test_no_role_is_changed_in_the_name_of_one_who_lost_the_right_to_it(race, action, loss):
    """AZ-4: even if the role has no permission that the acting user still lacks."""
    make_user(role="Administrator")
    spare, by = make_role(f"Spare {action} {loss}"), make_user(role=named("Roles", 0x09))
    assert by.can(0x08)
    by_id, lost, before = by.id, LOSSES[loss](), [role.name for role in roles.known()]
    db.session.commit()
    with db.engine.begin() as connection:
        connection.execute(User.__table__.update().where(User.id == by_id).values(**lost))

    with pytest.raises(PrivilegesLost):
        ROLE_ACTIONS_TRIED[action](spare, by)
    db.session.rollback()
    assert [role.name for role in roles.known()] == before
    assert db.session.scalars(select(AuditEvent)).all() == []
