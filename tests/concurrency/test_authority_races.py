"""Demote, suspend or delete the actor while their action is in progress."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.models import AuditEvent, Role, User
from app.services import user_access, users
from app.services.own_account import UserGone
from app.services.policy import LastAdministrator, PrivilegesLost
from tests.concurrency.test_races import administrators
from tests.factories import make_role, make_user
from tests.fixtures.races import LOSSES, as_request, assert_refused_after, role_id
from tests.support import module_of

ROUNDS = 12

NEW = {"first_name": "New", "last_name": "Person", "email": "new@example.com"}


def role():
    return db.session.scalar(select(Role).where(Role.name == "User"))


def named(name, permissions):
    """Create a role of this name, unless an earlier test of the run left one."""
    if role_id(name) is None:
        make_role(name, permissions=permissions)
    return name


# Each entry has the state of the user and the action.
ACTIONS_TRIED = {
    "change role": ({}, lambda user, by: users.change_role(user, role=role(), by=by)),
    "change name": (
        {},
        lambda user, by: users.change_name(user, first_name="X", last_name="Y", by=by),
    ),
    "change email": ({}, lambda user, by: users.change_email(user, email="x@example.com", by=by)),
    "suspend": ({}, lambda user, by: users.suspend(user, by=by)),
    "reactivate": ({"suspended": True}, lambda user, by: users.reactivate(user, by=by)),
    "confirm": ({"confirmed": False}, lambda user, by: user_access.confirm(user, by=by)),
    "send a link": ({}, lambda user, by: user_access.send_reset_link(user, by=by)),
    "force a change": ({}, lambda user, by: user_access.require_password_change(user, by=by)),
    "end sessions": ({}, lambda user, by: user_access.end_sessions(user, by=by)),
    "end a session": ({}, lambda user, by: user_access.end_session(user, 1, by=by)),
    "create": (
        {},
        lambda _user, by: users.create(**NEW, role=role(), password="a long new one 7", by=by),
    ),
}
if deletions := module_of("deletion", "deletions"):
    ACTIONS_TRIED |= {
        "delete": ({}, lambda user, by: deletions.delete(user, by=by)),
        "restore": ({"deleted_at": now()}, lambda user, by: deletions.restore(user, by=by)),
    }


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("action", ACTIONS_TRIED)
def test_nothing_is_done_in_the_name_of_one_who_lost_the_permission(race, action, loss):
    """AZ-2: the request arrives before the change, and its transaction begins after it."""
    traits, act = ACTIONS_TRIED[action]
    traits = dict(traits)
    if action == "change role":
        traits["role"] = named("Other", 0x01)
    assert_refused_after(loss, act, **traits)


@pytest.mark.parametrize("others_first", [False, True])
def test_an_action_comes_before_the_end_of_the_right_to_it_or_not_at_all(race, others_first):
    """AZ-2: the id of the actor may be smaller or larger than that of the other user."""
    named("People", 0x05)
    for _ in range(ROUNDS):
        admin_id = make_user(role="Administrator").id
        target_id = make_user().id if others_first else None
        actor_id = make_user(role="People").id
        target_id = target_id or make_user().id

        def suspend(actor_id=actor_id, target_id=target_id):
            user, by = db.session.get(User, target_id), db.session.get(User, actor_id)
            return users.suspend(user, by=by)

        results = race(
            suspend, as_request(users.change_role, actor_id, admin_id, role=role_id("User"))
        )
        assert results[1] is None, results
        assert results[0] is None or isinstance(results[0], PrivilegesLost), results
        order = select(AuditEvent.action).where(AuditEvent.subject_id.in_([actor_id, target_id]))
        actions = db.session.scalars(order.order_by(AuditEvent.id)).all()
        came_through = ["user.suspended"] if results[0] is None else []
        assert actions == [*came_through, "user.role_changed"]


def test_a_ring_of_people_who_do_things_to_each_other_ends(race):
    """No deadlock occurs, whatever the order of their ids."""
    for _ in range(ROUNDS):
        ids = [make_user(role="Administrator").id for _ in range(4)]
        results = race(
            *(as_request(user_access.end_sessions, ids[(n + 1) % 4], ids[n]) for n in range(4)),
            *(as_request(users.suspend, ids[n], ids[(n + 1) % 4]) for n in range(4)),
            *(as_request(users.reactivate, ids[(n + 2) % 4], ids[n]) for n in range(4)),
        )
        allowed = (PrivilegesLost, LastAdministrator, UserGone)
        assert all(
            result in {None, "refused at the door"} or isinstance(result, allowed)
            for result in results
        ), results
        assert administrators() >= 1
        db.session.execute(User.__table__.delete())
        db.session.commit()
