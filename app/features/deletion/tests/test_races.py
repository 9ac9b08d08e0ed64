"""Delete, restore and erase a user while another action changes them."""

from datetime import timedelta

from sqlalchemy import func, select

from app.extensions import db
from app.features.deletion import deletions, erasure
from app.kit import audit
from app.kit.audit import retention
from app.kit.database import now
from app.kit.mail import outbox
from app.models import AuditEvent, User
from app.services import password_reset, register, user_access, users
from app.services.own_account import UserGone
from tests.concurrency.test_audit import add_events
from tests.concurrency.test_races import administrators
from tests.factories import make_user
from tests.fixtures.races import as_request, role_id
from tests.support import PASSWORD

ROUNDS = 15


def test_a_worker_makes_a_mail_while_its_reader_is_deleted(race):
    """AD-7: no deadlock occurs, and no mail is sent that should not be."""
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user = make_user()
        password_reset.request_password_reset(user.email)
        register.resend_confirmation(user)
        results = race(
            *(lambda: outbox.sweep(include_new=True),) * 2,
            as_request(deletions.delete, user.id, admin),
            as_request(user_access.send_reset_link, user.id, admin),
        )
        for result in results:
            assert result is None or isinstance(result, int | UserGone), repr(result)


def test_a_user_is_either_restored_or_erased(race):
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user_id = make_user(deleted_at=now() - timedelta(days=31)).id
        restored, purged, again = race(
            as_request(deletions.restore, user_id, admin), deletions.purge, deletions.purge
        )
        db.session.expire_all()
        user = db.session.get(User, user_id)
        if user is None:
            assert isinstance(restored, UserGone) or restored == "refused at the door"
            assert purged + again == 1
        else:
            assert not user.is_deleted
            assert (restored, purged, again) == (None, 0, 0)


def test_people_are_taken_out_while_events_are_forgotten_and_added(race):
    people = [make_user() for _ in range(4)]
    for user in people:
        label = {"actor_id": user.id, "actor_label": user.email}
        add_events(30, at=now() - timedelta(days=10_000), **label)
        add_events(30, **label)
    ids = [user.id for user in people]
    by = people[0].id

    def anonymise(*user_ids):
        def act():
            erasure.anonymise(user_ids)
            db.session.commit()

        return act

    def add():
        for _ in range(20):
            audit.record("user.suspended", by=db.session.get(User, by))
            db.session.commit()

    results = race(anonymise(*ids[:2]), anonymise(*ids[2:]), retention.purge, add)
    assert not [result for result in results if isinstance(result, Exception)], results
    retention.purge()
    names = select(func.count(AuditEvent.id)).where(AuditEvent.actor_label.contains("#"))
    assert db.session.scalar(names) >= 4 * 30
    assert db.session.scalar(select(func.count(AuditEvent.id))) == 4 * 30 + 20


def test_three_administrators_who_turn_on_each_other_leave_one(race):
    """AD-1"""
    user_role = role_id("User")
    for _ in range(10):
        ids = [make_user(role="Administrator").id for _ in range(3)]
        race(
            *(
                as_request(users.change_role, ids[(n + 1) % 3], ids[n], role=user_role)
                for n in range(3)
            ),
            *(as_request(deletions.delete, ids[(n + 2) % 3], ids[n]) for n in range(3)),
        )
        assert administrators() >= 1
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_signing_in_while_being_deleted_is_no_error(race, racing_app):
    """F38"""
    for _ in range(4):
        admin, user = make_user(role="Administrator"), make_user()
        email = user.email
        browser, token = racing_app.test_client(), None
        token = browser.csrf_token("/account/login")
        sent, _deleted = race(
            lambda b=browser, t=token, e=email: (
                b.post(
                    "/account/login", data={"email": e, "password": PASSWORD, "csrf_token": t}
                ).status_code
            ),
            as_request(deletions.delete, user.id, admin.id),
        )
        assert sent in {200, 302, 409}, sent
