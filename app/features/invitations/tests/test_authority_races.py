"""Test an invitation while the inviting user loses the permission."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.invitations import invitations
from app.kit.database import now
from app.models import AuditEvent, Role, User
from app.services.policy import PrivilegesLost
from tests.concurrency.test_races import role_id
from tests.factories import make_user

NEW = {"first_name": "New", "last_name": "Person", "email": "new@example.com"}


def role():
    return db.session.scalar(select(Role).where(Role.name == "User"))


LOSSES = {
    "demoted": lambda: {"role_id": role_id("User")},
    "suspended": lambda: {"suspended_at": now()},
    "deleted": lambda: {"deleted_at": now()},
}


# Tuples of the state of the user and the action.
ACTIONS_TRIED = {
    "invite again": ({"invited": True}, lambda user, by: invitations.resend(user, by=by)),
    "copy a link": (
        {"invited": True},
        lambda user, by: invitations.copy_link(user, by=by, known=None),
    ),
    "revoke": ({"invited": True}, lambda user, by: invitations.revoke(user, by=by)),
    "invite": ({}, lambda _user, by: invitations.invite(**NEW, role=role(), by=by)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("action", ACTIONS_TRIED)
def test_nothing_is_done_in_the_name_of_one_who_lost_the_right_to_it(race, action, loss):
    """AZ-2: the request arrives before the loss, and its transaction begins after it."""
    traits, act = ACTIONS_TRIED[action]
    user, by = make_user(**traits), make_user(role="Administrator")
    assert by.is_admin()
    by_id, lost = by.id, LOSSES[loss]()
    db.session.commit()
    with db.engine.begin() as connection:
        connection.execute(User.__table__.update().where(User.id == by_id).values(**lost))

    with pytest.raises(PrivilegesLost):
        act(user, by)
    db.session.rollback()
    assert db.session.scalars(select(AuditEvent)).all() == []
