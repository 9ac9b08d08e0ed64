"""Delete, restore and erase a user while another action changes them."""

from datetime import timedelta

from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.kit.edit_conflicts import EditConflict, snapshot
from app.kit.mail import outbox
from app.models import EmailMessage, User
from app.services import access, accounts, deletions, users
from app.services.policy import UserGone
from tests.concurrency.test_races import acting
from tests.factories import make_user

ROUNDS = 15


def test_a_worker_makes_a_mail_while_its_reader_is_deleted(race):
    """AD-7: no deadlock occurs, and no mail is sent that should not be."""
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user = make_user()
        accounts.request_password_reset(user.email)
        accounts.resend_confirmation(user)
        results = race(
            *(lambda: outbox.sweep(include_new=True),) * 2,
            acting(deletions.delete, user.id, admin),
            acting(access.send_reset_link, user.id, admin),
        )
        for result in results:
            assert result is None or isinstance(result, int | UserGone), repr(result)


def test_people_and_administrators_ask_for_links_at_once(race):
    """Users and administrators lock rows in the same order."""
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user_id = make_user(confirmed=False).id
        results = race(
            lambda i=user_id: accounts.resend_confirmation(db.session.get(User, i)),
            acting(access.resend_confirmation, user_id, admin),
            lambda i=user_id: accounts.resend_confirmation(db.session.get(User, i)),
            acting(access.resend_confirmation, user_id, admin),
        )
        assert results == [None] * 4


def test_someone_is_either_restored_or_erased(race):
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user_id = make_user(deleted_at=now() - timedelta(days=31)).id
        restored, purged, again = race(
            acting(deletions.restore, user_id, admin), deletions.purge, deletions.purge
        )
        db.session.expire_all()
        user = db.session.get(User, user_id)
        if user is None:
            assert isinstance(restored, UserGone) or restored == "refused at the door"
            assert purged + again == 1
        else:
            assert not user.is_deleted
            assert (restored, purged, again) == (None, 0, 0)


def test_of_two_who_edit_one_person_the_second_is_asked_again(race):
    """F38"""
    one, other = (make_user(role="Administrator").id for _ in range(2))
    for number in range(ROUNDS):
        user = make_user()
        seen = snapshot(users.shown(user))
        user_id = user.id
        results = race(
            acting(users.change_email, user_id, one, email=f"a{number}@example.com", seen=seen),
            acting(users.change_email, user_id, other, email=f"b{number}@example.com", seen=seen),
        )
        assert sorted(type(result) for result in results if result) == [EditConflict]
        told = db.session.scalars(
            select(EmailMessage.message).where(EmailMessage.user_id == user_id)
        ).all()
        assert told == ["email_changed"] * 2
