"""Test concurrent bulk actions, and repeated submits of one."""

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.kit import operations
from app.kit.database import pauses
from app.kit.mail.email_message import EmailMessage
from app.kit.operations import bulk as batches
from app.models import AuditEvent, User
from app.services import users
from app.services.own_account import UserGone
from app.services.policy import LastAdministrator, NotOnSelf, PrivilegesLost
from tests.concurrency.test_races import administrators, role_id
from tests.factories import make_user
from tests.support import module_of

ROUNDS = 12
REFUSALS = (operations.NotOpen, PrivilegesLost, LastAdministrator, NotOnSelf, UserGone)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(pauses, "PAUSE_ON_SQLITE", 0)


def previewed(action, by_id, user_ids):
    """Return a function that confirms and runs a preview made before the race."""
    role = None
    if action == "change_role":
        role = db.session.get(User, user_ids[0]).role.__class__
        role = db.session.get(role, role_id("User"))
    by = db.session.get(User, by_id)
    operation_id = bulk.preview(action, by=by, user_ids=user_ids, role=role).id

    def act():
        operation = db.session.get(BulkOperation, operation_id)
        bulk.confirm(operation, by=db.session.get(User, by_id), tell=False)
        bulk.run_some(operation_id)
        return db.session.get(BulkOperation, operation_id, populate_existing=True).done

    return act


def assert_refused_by_name(results):
    for result in results:
        assert not isinstance(result, Exception) or isinstance(result, REFUSALS), repr(result)


@pytest.mark.parametrize(
    "action", ["suspend", "change_role", *(["delete"] if module_of("deletion") else [])]
)
def test_two_administrators_who_take_away_all_others_leave_one(race, action):
    """AD-1, F38: each has selected the other and all remaining administrators."""
    for number in range(ROUNDS):
        ids = [make_user(role="Administrator").id for _ in range(4)]
        results = race(
            previewed(action, ids[0], ids),
            previewed(action, ids[1], ids),
        )
        assert_refused_by_name(results)
        assert administrators() >= 1, (number, results)
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_many_and_one_at_once_leave_an_administrator(race):
    """AD-1: one uses the list, the other the page of a user."""
    for number in range(ROUNDS):
        ids = [make_user(role="Administrator").id for _ in range(3)]

        def suspend_the_first(ids=ids):
            first, by = db.session.get(User, ids[0]), db.session.get(User, ids[1])
            return users.suspend(first, by=by)

        results = race(previewed("suspend", ids[0], ids[1:]), suspend_the_first)
        assert_refused_by_name(results)
        assert administrators() >= 1, (number, results)
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_many_clicks_at_once_start_one_operation(race):
    """IN-6"""
    admin = make_user(role="Administrator")
    ids = [make_user().id for _ in range(30)]
    admin_id = admin.id
    operation_id = bulk.preview("suspend", by=admin, user_ids=ids).id

    def confirm():
        operation = db.session.get(BulkOperation, operation_id)
        bulk.confirm(operation, by=db.session.get(User, admin_id))
        bulk.run_some(operation_id)

    results = race(*[confirm] * 8)
    assert_refused_by_name(results)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert suspensions(ids) == len(ids)
    mails = db.session.scalar(select(func.count(EmailMessage.id)))
    assert mails == len(ids)


def suspensions(ids):
    db.session.rollback()
    found = select(func.count()).where(
        AuditEvent.action == "user.suspended", AuditEvent.subject_id.in_(ids)
    )
    return db.session.scalar(found)


def test_several_workers_with_one_operation_share_it(race, monkeypatch):
    """A job that was taken for dead continues beside its replacement."""
    monkeypatch.setattr(batches, "BATCH", 5)
    admin = make_user(role="Administrator")
    ids = [make_user().id for _ in range(60)]
    operation = bulk.preview("suspend", by=admin, user_ids=ids)
    bulk.confirm(operation, by=admin)
    operation_id = operation.id
    results = race(*[lambda: bulk.run(operation_id)] * 4)
    assert_refused_by_name(results)
    db.session.rollback()
    operation = db.session.get(BulkOperation, operation_id, populate_existing=True)
    assert (operation.state, operation.done) == ("finished", len(ids))
    assert suspensions(ids) == len(ids)


def test_lists_that_overlap_do_each_person_once(race):
    admins = [make_user(role="Administrator").id for _ in range(3)]
    ids = [make_user().id for _ in range(40)]
    results = race(
        *(
            previewed("suspend", by, ids[::step])
            for by, step in zip(admins, (1, -1, 2), strict=True)
        )
    )
    assert_refused_by_name(results)
    assert sum(results) == len(ids)
    assert suspensions(ids) == len(ids)
