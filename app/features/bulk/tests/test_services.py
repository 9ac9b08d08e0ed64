"""Test bulk operations: users left out, batches, and early ends."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, insert, select, update

from app.extensions import db
from app.features import bulk
from app.features.bulk.models import BulkItem, BulkOperation
from app.features.bulk.services import changing, locks
from app.features.bulk.tables import read_users
from app.kit import operations, queue
from app.kit.database import now, pauses
from app.kit.mail.email_message import EmailMessage
from app.kit.operations import bulk as batches
from app.kit.operations import lifecycle, previews
from app.models import AuditEvent, Role, User
from app.services import sessions
from app.services.policy import InsufficientPrivileges
from app.services.user_access import TooManyMails
from tests import factories
from tests.support import module_of, needs

invitations = module_of("invitations", "invitations")
DELETE = ["delete"] if module_of("deletion") else []


def role(name):
    return db.session.scalar(select(Role).where(Role.name == name))


def count(*conditions, of=User):
    return db.session.scalar(select(func.count()).select_from(of).where(*conditions))


def make_people(number, **values):
    """Add many users with the default role at once."""
    role_id = role("User").id
    db.session.execute(
        insert(User),
        [
            {
                "email": f"many{n}@example.com",
                "first_name": "Many",
                "last_name": f"Person{n}",
                "role_id": role_id,
                "confirmed": True,
                "password_hash": "x",
                **values,
            }
            for n in range(number)
        ],
    )
    db.session.commit()
    return list(db.session.scalars(select(User.id).where(User.email.like("many%"))))


@pytest.fixture
def small_batches(monkeypatch):
    """Use batches of ten, so that a few dozen users need several."""
    monkeypatch.setattr(batches, "BATCH", 10)
    monkeypatch.setattr(pauses, "PAUSE_ON_SQLITE", 0)
    monkeypatch.setattr(lifecycle, "AT_ONCE", 5)


@pytest.fixture
def queued(monkeypatch):
    """The list of enqueued jobs."""
    jobs = []
    monkeypatch.setattr(
        queue, "enqueue", lambda name, **values: jobs.append((name, values)) or f"{name}-1"
    )
    return jobs


def begin(action, by, *, user_ids=(), **values):
    options = {name: values.pop(name) for name in ("role",) if name in values}
    operation = bulk.preview(action, by=by, user_ids=user_ids, **options)
    bulk.confirm(operation, by=by, **values)
    return operation


# Users chosen and left out


@pytest.mark.parametrize(
    ("action", "traits", "reason"),
    [
        ("suspend", {"suspended": True}, "already_suspended"),
        ("suspend", {"deleted_at": now()}, "deleted"),
        ("suspend", {"role": "Administrator"}, None),
        ("reactivate", {}, "not_suspended"),
        ("reactivate", {"suspended": True}, None),
        ("confirm", {}, "confirmed"),
        ("confirm", {"invited": True}, "invited"),
        ("confirm", {"confirmed": False}, None),
        ("confirm", {"confirmed": False, "suspended": True}, "suspended"),
        *(
            pytest.param("resend_invitation", traits, reason, marks=needs("invitations"))
            for traits, reason in (
                ({}, "not_invited"),
                ({"invited": True, "suspended": True}, "suspended"),
                ({"invited": True}, None),
            )
        ),
        ("end_sessions", {}, "not_signed_in"),
        *((one, {"deleted_at": now()}, "deleted") for one in DELETE),
        *((one, {"invited": True}, None) for one in DELETE),
        ("change_role", {}, "same_role"),
        ("change_role", {"invited": True, "role": "Administrator"}, None),
    ],
)
def test_a_preview_says_who_is_left_out_and_why(make_user, admin, action, traits, reason):
    user = make_user(**traits)
    given = role("User") if action == "change_role" else None
    operation = bulk.preview(action, by=admin, user_ids=[user.id], role=given)
    assert operation.left_out == ({reason: 1} if reason else {})
    assert operation.to_do == (0 if reason else 1)
    if reason:
        (sample,) = previews.left_out(operation)
        assert [one.id for one in sample.rows] == [user.id]
        assert sample.reason in bulk.REASONS
    else:
        assert [one.id for one in previews.sample(operation)] == [user.id]


@needs("invitations")
def test_nobody_is_invited_more_often_than_an_hour_allows(make_user, admin):
    """The limit of five mails per hour on a user's page applies here too."""
    user = make_user(invited=True)
    for _ in range(3):
        invitations.resend(user, by=admin)
    for _ in range(2):
        bulk.run(begin("resend_invitation", admin, user_ids=[user.id]).id)
    operation = bulk.preview("resend_invitation", by=admin, user_ids=[user.id])

    assert operation.left_out == {"invited_often": 1}
    with pytest.raises(TooManyMails):
        invitations.resend(user, by=admin)
    assert count(EmailMessage.message == "invite", of=EmailMessage) == 5


@needs("invitations")
def test_users_invited_often_since_the_preview_are_left_out(make_user, admin):
    user = make_user(invited=True)
    operation = bulk.preview("resend_invitation", by=admin, user_ids=[user.id])
    for _ in range(5):
        invitations.resend(user, by=admin)
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)

    assert (operation.done, operation.left_out) == (0, {"invited_often": 1})
    assert count(EmailMessage.message == "invite", of=EmailMessage) == 5


def test_only_the_latest_preview_of_an_administrator_is_kept(admin, make_user):
    """A preview of all users holds a row for each, perhaps a million."""
    user, another = make_user(), make_user(role="Administrator")
    begun = begin("suspend", admin, user_ids=[user.id]).id
    theirs = bulk.preview("suspend", by=another, user_ids=[user.id]).id
    ids = [
        bulk.preview("suspend", by=admin, user_ids=[user.id]).id
        for _ in range(previews.MOST_PREVIEWS + 2)
    ]

    kept = [begun, theirs, *ids[-previews.MOST_PREVIEWS :]]
    assert db.session.scalars(select(BulkOperation.id).order_by(BulkOperation.id)).all() == kept
    items = select(BulkItem.operation_id).order_by(BulkItem.operation_id)
    assert db.session.scalars(items).all() == kept


def test_a_preview_changes_nobody(make_user, admin):
    user = make_user()
    bulk.preview("suspend", by=admin, user_ids=[user.id])
    assert not user.is_deleted
    assert count(of=AuditEvent) == 0


def test_users_with_more_permissions_cannot_be_changed_in_bulk(make_user):
    """AZ-2, AZ-4: neither by the chosen users nor by the assigned role."""
    factories.make_role("People", permissions=0x05)
    manager = make_user(role="People")
    above, beside = make_user(role="Administrator"), make_user(role="People")
    operation = bulk.preview("suspend", by=manager, user_ids=[above.id, beside.id])
    assert operation.left_out == {"above": 1}
    with pytest.raises(InsufficientPrivileges):
        bulk.preview("change_role", by=manager, user_ids=[beside.id], role=role("Administrator"))


def test_people_who_are_gone_are_counted(make_user, admin):
    user = make_user()
    operation = bulk.preview("suspend", by=admin, user_ids=[user.id, 2**31 - 1, 2**31 - 2])
    assert (operation.total, operation.to_do) == (3, 1)
    assert operation.left_out == {"gone": 2}


def test_an_empty_choice_leaves_nothing_behind(admin):
    with pytest.raises(operations.NothingChosen):
        bulk.preview("suspend", by=admin, asked=read_users({"search": "nobody of that name"}))
    assert count(of=BulkOperation) == 0


def test_users_who_match_after_the_preview_are_not_changed(make_user, admin, small_batches):
    ids = make_people(3)
    operation = bulk.preview("suspend", by=admin, asked=read_users({"search": "Many"}))
    late = make_user(first_name="Many")
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)
    assert count(User.suspended_at.is_not(None)) == len(ids)
    assert not late.is_suspended


def test_users_who_no_longer_qualify_at_the_run_are_left_out(make_user, admin):
    """The rules are checked again when the batch runs."""
    people = [make_user() for _ in range(4)]
    operation = bulk.preview("suspend", by=admin, user_ids=[user.id for user in people])
    assert operation.to_do == 4
    people[0].suspended_at = people[1].deleted_at = now()
    people[2].role = role("Administrator")
    gone = people[3].id
    db.session.execute(delete(User).where(User.id == gone))
    db.session.commit()
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)
    assert operation.left_out == {"already_suspended": 1, "deleted": 1, "gone": 1}
    assert (operation.done, operation.state) == (1, "finished")
    assert people[2].is_suspended, "the administrator acts, so another may go"


@needs("invitations")
def test_invitations_are_not_sent_where_they_are_closed(make_user, admin, app, monkeypatch):
    user = make_user(invited=True)
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    with pytest.raises(bulk.NotOffered):
        bulk.preview("resend_invitation", by=admin, user_ids=[user.id])


# The last administrator


@pytest.mark.parametrize("action", ["suspend", "change_role", *DELETE])
def test_the_last_administrator_is_left_out(
    make_user, admin, action, small_batches, queued, only_sign_in_methods
):
    """AD-1: all others are chosen, and the actor loses the role between two checks."""
    only_sign_in_methods()
    others = [make_user(role="Administrator") for _ in range(25)]
    given = role("User") if action == "change_role" else None
    operation = bulk.preview(action, by=admin, user_ids=[one.id for one in others], role=given)
    assert operation.to_do == 25
    # An administrator who cannot sign in does not count, but may act until the session ends.
    admin.password_hash = None
    db.session.commit()
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)
    assert operation.left_out == {"last_administrator": 1}
    assert operation.done == 24
    left = [one for one in others if one.is_active and one.is_admin()]
    assert len(left) == 1


def test_a_preview_leaves_the_last_administrator_out(make_user, admin, only_sign_in_methods):
    """AD-1"""
    only_sign_in_methods()
    other = make_user(role="Administrator")
    admin.password_hash = None
    db.session.commit()
    operation = bulk.preview("suspend", by=admin, user_ids=[other.id])
    assert operation.left_out == {"last_administrator": 1}


# Batches


def test_many_jobs_are_done_in_batches_and_reported_once(admin, small_batches, queued):
    ids = make_people(35)
    operation = begin("suspend", admin, user_ids=ids, reason="spam")
    assert queued == [
        ("run_bulk_operation", {"operation_id": operation.id, "unique_key": str(operation.id)})
    ]
    assert operation.state == "queued"
    assert bulk.run(operation.id) == {"done": 35, "left_out": {}, "state": "finished"}
    assert count(User.suspended_reason == "spam") == 35
    assert count(EmailMessage.message == "account_suspended", of=EmailMessage) == 35
    assert count(AuditEvent.action == "user.suspended", of=AuditEvent) == 35
    assert [name for name, _ in queued].count("drain_outbox") == 4
    assert bulk.run(operation.id)["done"] == 35, "once more does no more"
    assert count(AuditEvent.action == "user.suspended", of=AuditEvent) == 35


@pytest.mark.parametrize(
    ("module", "step"), [(changing, "note"), (batches, "leave_out"), (locks, "sort_out")]
)
def test_a_batch_that_dies_is_repeated_without_doing_a_row_twice(
    admin, small_batches, queued, monkeypatch, module, step
):
    ids = make_people(35)
    operation = begin("suspend", admin, user_ids=ids)
    done, real = [], getattr(module, step)

    def dies(*values):
        done.append(1)
        if len(done) == 3:
            real(*values)
            raise KeyboardInterrupt
        return real(*values)

    monkeypatch.setattr(module, step, dies)
    with pytest.raises(KeyboardInterrupt):
        bulk.run(operation.id)
    db.session.rollback()
    assert count(User.suspended_at.is_not(None)) == 20
    assert (operation.state, operation.done) == ("running", 20)
    assert bulk.run(operation.id)["done"] == 35
    assert count(User.suspended_at.is_not(None)) == 35
    assert count(AuditEvent.action == "user.suspended", of=AuditEvent) == 35
    assert count(EmailMessage.message == "account_suspended", of=EmailMessage) == 35
    per_person = select(func.count()).group_by(AuditEvent.subject_id)
    events = per_person.where(AuditEvent.action == "user.suspended")
    assert set(db.session.scalars(events)) == {1}


def test_it_can_be_stopped_between_batches_and_resumed(admin, small_batches, queued, monkeypatch):
    operation = begin("suspend", admin, user_ids=make_people(35), tell=False)
    reports = []

    def stop_at_twenty(done, of, text=""):
        reports.append((done, of))
        if done == 20 and operation.is_open:
            operations.stop(operation, by=admin)

    monkeypatch.setattr(queue, "report_progress", stop_at_twenty)
    assert bulk.run(operation.id)["state"] == "cancelled"
    assert reports[:2] == [(10, 35), (20, 35)]
    assert count(User.suspended_at.is_not(None)) == 20
    operations.go_on(operation, by=admin)
    assert bulk.run(operation.id)["state"] == "finished"
    assert count(User.suspended_at.is_not(None)) == 35
    assert count(of=EmailMessage) == 0, "nobody was to be told"


def test_a_job_that_is_cancelled_ends_the_operation(admin, small_batches, queued, monkeypatch):
    operation = begin("suspend", admin, user_ids=make_people(15))

    def cancelled(*_):
        raise queue.JobCancelled

    monkeypatch.setattr(queue, "report_progress", cancelled)
    with pytest.raises(queue.JobCancelled):
        bulk.run(operation.id)
    assert operation.state == "cancelled"
    assert count(User.suspended_at.is_not(None)) == 10


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        ({"suspended_at": now()}, "actor_gone"),
        ({"deleted_at": now()}, "actor_gone"),
        ({"confirmed": False}, "actor_gone"),
        ({"role_id": None}, "actor_may_not"),
    ],
)
def test_it_stops_when_its_administrator_may_no_longer(
    admin, make_user, small_batches, queued, monkeypatch, loss, reason
):
    """AZ-1: this also applies while the operation runs."""
    make_user(role="Administrator")
    operation = begin("suspend", admin, user_ids=make_people(35))

    def lose_at_ten(done, of, text=""):
        if done == 10:
            db.session.execute(update(User).where(User.id == admin.id).values(**loss))
            db.session.commit()

    monkeypatch.setattr(queue, "report_progress", lose_at_ten)
    assert bulk.run(operation.id)["state"] == "stopped"
    assert operation.stop_reason == reason
    assert reason in bulk.STOP_REASONS
    assert count(User.suspended_at.is_not(None), User.email.like("many%")) == 10


@pytest.mark.parametrize("fate", ["deleted", "raised"])
def test_it_stops_when_the_role_is_gone_or_has_become_too_much(
    make_user, small_batches, queued, fate
):
    """AZ-4"""
    factories.make_role("People", permissions=0x05)
    given = factories.make_role("Given", permissions=0x01)
    manager = make_user(role="People")
    operation = begin("change_role", manager, user_ids=make_people(12), role=given)
    if fate == "deleted":
        db.session.delete(given)
    else:
        given.permissions = 0xFF
    db.session.commit()
    bulk.run(operation.id)
    assert operation.state == "stopped"
    assert operation.stop_reason == ("role_gone" if fate == "deleted" else "role_above")
    assert count(User.role_id == role("User").id) == 12


def test_only_its_administrator_confirms_and_continues(admin, make_user, small_batches, queued):
    """AZ-2: the operation runs in the name of its owner."""
    other = make_user(role="Administrator")
    operation = bulk.preview("suspend", by=admin, user_ids=make_people(15))
    with pytest.raises(operations.NotYours):
        bulk.confirm(operation, by=other)
    bulk.confirm(operation, by=admin)
    with pytest.raises(operations.NotYours):
        operations.go_on(operation, by=other)
    operations.stop(operation, by=other)
    assert bulk.run(operation.id)["done"] == 0


def test_an_operation_confirmed_twice_runs_once(admin, queued):
    """IN-6"""
    operation = bulk.preview("suspend", by=admin, user_ids=make_people(3))
    bulk.confirm(operation, by=admin)
    with pytest.raises(operations.NotOpen):
        bulk.confirm(operation, by=admin)


def test_without_redis_it_is_confirmed_and_waits(admin, small_batches):
    operation = bulk.preview("suspend", by=admin, user_ids=make_people(25))
    with pytest.raises(operations.QueueAway):
        bulk.confirm(operation, by=admin)
    assert (operation.state, operation.job_id) == ("queued", "")
    assert operation.is_stalled
    bulk.run_some(operation.id, 10)
    assert (operation.state, operation.done) == ("running", 10)
    bulk.run_some(operation.id, 20)
    assert (operation.state, operation.done) == ("finished", 25)


# Effects that only bulk operations have


def test_people_are_confirmed_and_signed_out(admin, make_user):
    waiting, present = make_user(confirmed=False), make_user()
    sessions.start(present, remembered=True, address="", device="")
    for action, user in (("confirm", waiting), ("end_sessions", present)):
        operation = begin(action, admin, user_ids=[user.id])
        bulk.run(operation.id)
        assert operation.done == 1
    assert waiting.status == "active"
    assert not db.session.scalars(present.sessions.select()).all()
    actions = db.session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("user.%")))
    assert sorted(actions) == ["user.confirmed", "user.password_voided", "user.sessions_ended"]


def test_the_trail_says_who_confirmed_and_in_which_operation(admin, make_user):
    """AD-5"""
    user = make_user()
    operation = begin("suspend", admin, user_ids=[user.id], reason="spam")
    bulk.run(operation.id)
    confirmed, suspended = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id))
    assert (confirmed.action, confirmed.subject_id) == ("bulk.confirmed", operation.id)
    assert suspended.actor_id == admin.id
    assert suspended.actor_label == admin.email
    assert suspended.details == {"reason": "spam", "operation": operation.id}


def test_a_role_change_notes_each_former_role(admin, make_user):
    factories.make_role("Other", permissions=0x01)
    people = [make_user(), make_user(role="Other"), make_user(role="Administrator")]
    given = factories.make_role("Given", permissions=0x01)
    operation = begin("change_role", admin, user_ids=[one.id for one in people], role=given)
    bulk.run(operation.id)
    events = select(AuditEvent).where(AuditEvent.action == "user.role_changed")
    changes = [
        event.changes["role"]
        for event in db.session.scalars(events.order_by(AuditEvent.subject_id))
    ]
    assert changes == [["User", "Given"], ["Other", "Given"], ["Administrator", "Given"]]


# The result, and how long it is kept


def test_the_result_has_a_line_for_everyone(admin, make_user):
    """A name that begins a formula is escaped (OWASP, CSV injection)."""
    evil = make_user(first_name='=HYPERLINK("http://evil.example")', email="evil@example.com")
    done, gone = make_user(), make_user()
    operation = begin("suspend", admin, user_ids=[admin.id, evil.id, done.id, gone.id])
    gone_id = gone.id
    db.session.execute(delete(User).where(User.id == gone_id))
    db.session.commit()

    def rows():
        return list(csv.reader(io.StringIO("".join(operations.result_file(operation, by=admin)))))

    assert [row[4] for row in rows()[1:]] == ["left out", "not yet", "not yet", "not yet"]
    bulk.run(operation.id)
    found = {int(row[0]): row for row in rows()[1:]}
    assert found[admin.id][4:] == ["left out", "This is your own account"]
    assert found[evil.id][1] == "'" + evil.first_name
    assert found[evil.id][4:] == ["suspended", ""]
    assert found[gone_id][1:] == ["", "", "", "left out", "No longer there"]


def test_old_operations_are_cleaned_up(admin, make_user, app, monkeypatch):
    monkeypatch.setattr(lifecycle, "PURGE_BATCH", 2)
    old = begin("suspend", admin, user_ids=make_people(5))
    recent = bulk.preview("suspend", by=admin, user_ids=[make_user().id])
    forgotten = bulk.preview("suspend", by=admin, user_ids=[make_user().id])
    days = app.config["KEEP_BULK_OPERATIONS"]
    old.created_at = now() - timedelta(days=days, minutes=1)
    forgotten.created_at = now() - timedelta(days=1, minutes=1)
    db.session.commit()
    assert bulk.purge() == 2
    assert db.session.scalars(select(BulkOperation.id)).all() == [recent.id]
    assert set(db.session.scalars(select(BulkItem.operation_id))) == {recent.id}
