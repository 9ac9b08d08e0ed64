"""Delete users, restore them, and erase them for good."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app import emails, tasks
from app.extensions import db
from app.features.deletion import deletions
from app.features.deletion.emails import send_account_deleted, send_account_restored
from app.kit.database import now
from app.kit.mail import outbox, writing
from app.kit.mail.email_message import EmailMessage, EmailState
from app.models import AuditEvent, User, UserSession
from app.services import own_account, sessions, users


def deleted(make_user, *, days, **values):
    user = make_user(deleted_at=now() - timedelta(days=days), **values)
    return user.id


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def test_only_users_deleted_thirty_days_ago_are_erased(make_user):
    old, recent = deleted(make_user, days=31), deleted(make_user, days=29)
    other = make_user().id
    assert deletions.purge() == 1
    assert db.session.get(User, old) is None
    assert db.session.get(User, recent).is_deleted
    assert db.session.get(User, other)


def test_the_setting_says_how_long_people_can_be_restored(app, make_user, monkeypatch):
    monkeypatch.setitem(app.config, "RESTORE_DELETED_DAYS", 7)
    user = db.session.get(User, deleted(make_user, days=6))
    assert timedelta(hours=23) < user.purge_due_at - now() < timedelta(hours=25)
    assert deletions.purge() == 0
    user.deleted_at -= timedelta(days=1, seconds=1)
    db.session.commit()
    assert deletions.purge() == 1


def test_more_than_a_batch_is_erased_and_a_second_run_finds_nothing(make_user, monkeypatch):
    monkeypatch.setattr(deletions, "PURGE_BATCH", 3)
    for _ in range(7):
        deleted(make_user, days=40)
    assert deletions.purge() == 7
    assert deletions.purge() == 0


def test_nothing_of_an_erased_person_is_left(admin, make_user):
    """AD-7: sessions, mails and the names in events are gone; the events themselves stay."""
    user = make_user(email="gone@example.com", first_name="Gone", last_name="Girl")
    sessions.start(user, remembered=False, address="192.0.2.99", device="Secret Browser")
    users.change_email(user, email="later@example.com", by=admin)
    deletions.delete(user, by=admin)
    user_id = user.id
    outbox.sweep(include_new=True)
    db.session.execute(EmailMessage.__table__.update().values(state=EmailState.SENT))
    user.deleted_at -= timedelta(days=31)
    events = count(AuditEvent)
    db.session.commit()

    deletions.purge()

    assert db.session.get(User, user_id) is None
    assert not db.session.scalar(select(UserSession.id).where(UserSession.user_id == user_id))
    assert count(AuditEvent) > events
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(select(table)):
            for word in ("later@example.com", "Gone", "192.0.2.99", "Secret Browser"):
                assert word not in str(row), table.name


def test_the_trail_says_of_each_who_is_erased_that_they_were(make_user):
    """AD-5: every change of an account is recorded with its user."""
    ids = {deleted(make_user, days=31) for _ in range(3)}
    assert deletions.purge() == 3
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.purged")).all()
    assert {(row.subject_type, row.subject_id) for row in events} == {("user", i) for i in ids}
    assert {row.subject_label for row in events} == {f"deleted user #{i}" for i in ids}
    assert {row.actor_label for row in events} == {"command line"}


def test_a_mail_that_a_worker_has_in_hand_outlives_its_person(make_user):
    user_id = deleted(make_user, days=31)
    row = EmailMessage(
        message="confirm",
        recipient="x@example.com",
        user_id=user_id,
        message_id="<1@x>",
        state=EmailState.SENDING,
    )
    db.session.add(row)
    db.session.commit()
    assert deletions.purge() == 1
    db.session.expire_all()
    assert row.user_id is None


def test_the_address_is_free_after_the_purge(make_user):
    deleted(make_user, days=31, email="again@example.com")
    deletions.purge()
    assert make_user(email="again@example.com").id


def test_the_nightly_clean_up_erases(make_user):
    deleted(make_user, days=31)
    assert tasks.clean_up()["people"] == 1


@pytest.mark.parametrize("state", ["active", "suspended", "invited", "unconfirmed"])
def test_restoring_gives_an_account_back_as_it_was(admin, make_user, outbox, state):
    traits = {
        "suspended": {"suspended": True, "suspended_reason": "Spam"},
        "invited": {"invited": True},
        "unconfirmed": {"confirmed": False},
    }.get(state, {})
    user = make_user(**traits)
    before = {column.name: getattr(user, column.key) for column in User.__mapper__.columns
              if column.name != "status"}  # fmt: skip
    deletions.delete(user, by=admin)
    assert user.status == "deleted"
    deletions.restore(user, by=admin)
    db.session.expire_all()
    assert user.status == state
    after = {column.name: getattr(user, column.key) for column in User.__mapper__.columns
             if column.name != "status"}  # fmt: skip
    assert after == before
    subjects = [mail["Subject"] for mail in outbox.deliver()]
    assert "deleted" in subjects[0]
    assert "restored" in subjects[-1]


def test_the_event_of_a_restore_names_the_administrator(admin, make_user):
    """AD-5"""
    user = make_user()
    deletions.delete(user, by=admin)
    deletions.restore(user, by=admin)
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()[-2:]
    assert [event.action for event in events] == ["user.deleted", "user.restored"]
    assert {event.actor_id for event in events} == {admin.id}
    assert {event.subject_id for event in events} == {user.id}


def test_an_erased_user_cannot_be_restored(admin, make_user):
    user_id = deleted(make_user, days=31)
    user = db.session.get(User, user_id)
    deletions.purge()
    with pytest.raises(own_account.UserGone):
        deletions.restore(user, by=admin)


def test_a_deleted_user_gets_nothing_but_the_news(make_user):
    """F14"""
    user = make_user()
    other = emails.send_password_changed(make_user())
    rows = [emails.send_confirm(user), emails.send_role_changed(user)]
    db.session.commit()
    outbox.cancel_for([user.id])
    notice = send_account_deleted(user)
    db.session.delete(user)
    outbox.commit_and_notify(notice)
    outbox.sweep(include_new=True)

    states = {row.id: row.state for row in db.session.scalars(select(EmailMessage))}
    assert [states[row.id] for row in rows] == ["cancelled", "cancelled"]
    assert states[notice.id] == states[other.id] == "sent"


def test_a_bulk_mail_of_a_deletion_is_not_sent_after_the_user_is_restored(make_user):
    user = make_user()
    with writing.in_batch():
        send_account_deleted(user)
    db.session.commit()
    overtaken = db.session.scalars(select(EmailMessage)).one()
    newer = send_account_restored(user)
    outbox.commit_and_notify(newer)

    assert outbox.drain() == 2
    assert (newer.state, overtaken.state) == ("sent", "cancelled")
    assert overtaken.last_error == "it was overtaken by a newer one"
