"""Two requests at the same moment have one effect and cause no error."""

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.models import Role, User, UserSession
from app.services import email_change, password_reset, register, sessions, sign_in, users
from app.services.mailed_links import LinkRefused
from app.services.own_account import UserGone
from app.services.policy import LastAdministrator, PrivilegesLost, can_sign_in
from app.services.users import EmailTaken
from tests import mails
from tests.databases import NEEDS_POSTGRESQL
from tests.factories import make_user
from tests.fixtures.races import THREADS, as_request, role_id
from tests.support import PASSWORD, module_of

deletions = module_of("deletion", "deletions")
DELETE = ["delete"] if deletions else []

ROUNDS = 50


def count(query):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(query.subquery()))


def administrators():
    return count(select(User.id).join(User.role).where(Role.administrators(), can_sign_in()))


# The last administrator


@pytest.mark.parametrize(
    "action",
    ["demote", "suspend", *(("delete", "mixed") if deletions else ())],
)
def test_two_administrators_who_turn_on_each_other_leave_one(race, action):
    """AD-1, F38"""
    user_role = role_id("User")
    for number in range(ROUNDS if action == "demote" else ROUNDS // 3):
        one, other = (make_user(role="Administrator").id for _ in range(2))
        actions = {
            "demote": lambda user, by: as_request(users.change_role, user, by, role=user_role),
            "delete": lambda user, by: as_request(deletions.delete, user, by),
            "suspend": lambda user, by: as_request(users.suspend, user, by),
        }
        first, second = (
            (actions[action],) * 2 if action != "mixed" else (actions["demote"], actions["delete"])
        )
        results = race(first(other, one), second(one, other))
        assert administrators() >= 1, (number, results)
        for result in results:
            assert result in {None, "refused at the door"} or isinstance(
                result, PrivilegesLost | LastAdministrator | UserGone
            ), repr(result)
        db.session.execute(User.__table__.delete())
        db.session.commit()


# One link


def succeeded(results, *refusals):
    """Return the number of successful calls; the others must have raised the given exceptions."""
    failed = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(error, refusals) for error in failed), failed
    return len(results) - len(failed)


def new_password(number):
    return f"{PASSWORD} number {number}"


def test_a_reset_link_is_good_for_one_of_twenty(race):
    """TK-8"""
    user = make_user()
    token, user_id = user.generate_password_reset_token(), user.id
    results = race(
        *(
            lambda n=n: password_reset.reset_password(token, new_password(n)) and n
            for n in range(THREADS)
        )
    )
    assert succeeded(results, LinkRefused) == 1
    (winner,) = [result for result in results if isinstance(result, int)]
    db.session.expire_all()
    assert db.session.get(User, user_id).verify_password(new_password(winner))
    assert count(select(EmailMessage.id)) == 1


def test_a_link_to_a_new_address_is_good_for_one_of_twenty(race):
    """TK-8"""
    user = make_user(pending_email="new@example.com")
    token, user_id = user.generate_email_change_token("new@example.com"), user.id
    results = race(
        *(
            lambda: email_change.change_email(db.session.get(User, user_id), token)
            for _ in range(THREADS)
        )
    )
    assert succeeded(results, LinkRefused) == 1
    assert count(select(EmailMessage.id)) == 2, "one to each address"


def test_one_address_goes_to_one_of_those_who_confirm_it_at_once(race):
    """TK-4, IN-5"""
    people = [make_user(pending_email="wanted@example.com") for _ in range(8)]
    links = [(user.id, user.generate_email_change_token("wanted@example.com")) for user in people]
    results = race(
        *(
            lambda user_id=user_id, token=token: email_change.change_email(
                db.session.get(User, user_id), token
            )
            for user_id, token in links
        )
    )
    assert succeeded(results, EmailTaken) == 1


# One email


def test_twenty_registrations_of_one_address_make_one_account(race):
    """IN-5, F26"""
    results = race(
        *(
            lambda n=n: register.register(
                first_name="Grace", last_name=f"Number {n}", email="Grace@Example.com",
                password=PASSWORD,
            )
            for n in range(THREADS)
        )
    )  # fmt: skip
    assert succeeded(results) == THREADS
    assert count(select(User.id)) == 1
    db.session.rollback()
    sent = dict(
        db.session.execute(
            select(EmailMessage.message, func.count()).group_by(EmailMessage.message)
        ).all()
    )
    assert sent == {"confirm": 1, "already_registered": 1}


def test_twenty_registrations_by_form_are_all_answered_alike(race, racing_app):
    """IN-5, IN-6"""
    person = {
        "first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com",
        "password": PASSWORD, "password2": PASSWORD,
    }  # fmt: skip

    def register():
        browser = racing_app.test_client()
        return browser.submit("/account/register", person).status_code

    assert race(*[register] * 10) == [302] * 10
    assert count(select(User.id)) == 1


def test_a_stranger_cannot_have_more_mails_sent_by_asking_all_at_once(race):
    """BF-2"""
    user = make_user()
    email = user.email
    race(*[lambda: password_reset.request_password_reset(email)] * THREADS)
    assert count(select(EmailMessage.id)) == 5


# The same action twice


@pytest.mark.parametrize(
    "action",
    ["suspend", "reactivate", "change_email", "change_role", *DELETE],
)
def test_an_action_that_is_done_twice_at_once_is_no_error(race, racing_app, action):
    """IN-6, F25"""
    for _ in range(5):
        first, second = (make_user(role="Administrator") for _ in range(2))
        user = make_user(suspended=action == "reactivate")
        path = f"/admin/user/{user.id}/" + {"change_role": "change-account-type"}.get(
            action, action.replace("_", "-")
        )
        data = {"email": f"new{user.id}@example.com", "role": role_id("Administrator")}
        browsers = [racing_app.test_client() for _ in range(4)]
        for number, browser in enumerate(browsers):
            browser.enter((first, second)[number % 2])
        tokens = [browser.csrf_token("/") for browser in browsers]
        sent = race(
            *(
                lambda b=b, f={**data, "csrf_token": t}, p=path: b.post(p, data=f).status_code
                for b, t in zip(browsers, tokens, strict=True)
            )
        )
        assert set(sent) <= {200, 302, 404, 409}, sent
        assert 302 in sent


def test_a_user_deleted_during_a_change_is_no_error(race, racing_app):
    """F25, F38"""
    # Two of these pages are of a feature, and answer 404 without it.
    actions = ["delete", "suspend", "change-email", "change-account-type", "resend-invite",
             "revoke-invite", "info"]  # fmt: skip
    admin = make_user(role="Administrator")
    browsers = [racing_app.test_client() for _ in actions]
    for browser in browsers:
        browser.enter(admin)
    tokens = [browser.csrf_token("/") for browser in browsers]
    for _ in range(8):
        user = make_user(invited=True)
        data = {"email": f"new{user.id}@example.com", "role": role_id("Administrator")}
        path = f"/admin/user/{user.id}/"

        def send(browser, token, action, path=path, data=data):
            if action == "info":
                return browser.get(path + action).status_code
            return browser.post(path + action, data={**data, "csrf_token": token}).status_code

        sent = race(
            *(
                lambda b=b, t=t, d=d: send(b, t, d)
                for b, t, d in zip(browsers, tokens, actions, strict=True)
            )
        )
        assert set(sent) <= {200, 302, 404, 409}, dict(zip(actions, sent, strict=True))


@pytest.mark.parametrize(
    "action",
    ["change the password", "change the address", *DELETE],
)
def test_a_password_that_is_verified_while_it_is_replaced_changes_nothing(
    race, racing_app, monkeypatch, action
):
    """SE-3: an attacker with the old password and a session could keep or delete the account."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip(NEEDS_POSTGRESQL)  # On SQLite, a form holds the only write lock.
    user = make_user()
    user_id, email = user.id, user.email
    thief = racing_app.test_client()
    thief.enter(user)
    new = "a staple of the thief"
    path, given = {
        "change the password": (
            "/account/manage/change-password",
            {"old_password": PASSWORD, "new_password": new, "new_password2": new},
        ),
        "change the address": (
            "/account/manage/change-email",
            {"email": "thief@example.com", "password": PASSWORD},
        ),
        "delete": ("/account/manage/delete", {"password": PASSWORD}),
    }[action]
    given["csrf_token"] = thief.csrf_token(path)
    verify = sign_in.passwords.verify

    def verify_slowly(*args, **options):
        is_right = verify(*args, **options)
        monkeypatch.setattr(sign_in.passwords, "verify", verify)
        with racing_app.app_context():
            token = db.session.get(User, user_id).generate_password_reset_token()
            password_reset.reset_password(token, "another horse battery staple")
            db.session.remove()
        return is_right

    monkeypatch.setattr(sign_in.passwords, "verify", verify_slowly)
    thief.post(path, data=given)
    account = User.by_email(email)
    assert account.verify_password("another horse battery staple")
    assert (account.pending_email, account.deleted_at) == (None, None)


@pytest.mark.parametrize("way", ["new password", "suspended"])
def test_a_password_that_is_verified_while_it_is_taken_away_signs_nobody_in(
    race, racing_app, monkeypatch, way
):
    """SE-3: the new session would start after all sessions were ended, and stay."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip(NEEDS_POSTGRESQL)  # On SQLite, a form holds the only write lock.
    admin_id, user = make_user(role="Administrator").id, make_user()
    user_id, email = user.id, user.email
    verify = sign_in.passwords.verify

    def take_away():
        account = db.session.get(User, user_id)
        if way == "new password":
            token = account.generate_password_reset_token()
            password_reset.reset_password(token, "another horse battery staple")
        else:
            users.suspend(account, by=db.session.get(User, admin_id))

    def verify_slowly(*args, **options):
        is_right = verify(*args, **options)
        monkeypatch.setattr(sign_in.passwords, "verify", verify)
        with racing_app.app_context():
            take_away()
            db.session.remove()
        return is_right

    monkeypatch.setattr(sign_in.passwords, "verify", verify_slowly)
    browser = racing_app.test_client()
    page = browser.submit("/account/login", {"email": email, "password": PASSWORD})
    assert "The email or the password is wrong." in page.text
    assert db.session.scalar(select(func.count()).select_from(UserSession)) == 0


# Concurrent writers on one database


def test_four_writers_never_find_the_database_locked(race):
    """F15"""
    people = [make_user().id for _ in range(4)]

    def write(user_id):
        for _ in range(25):
            user = db.session.get(User, user_id)
            sessions.start(user, remembered=False, address="", device="")
            password_reset.request_password_reset(f"someone{user_id}@example.com")
            db.session.remove()
        return "done"

    assert race(*(lambda i=i: write(i) for i in people)) == ["done"] * 4


def test_requests_that_write_at_once_are_all_answered(race, racing_app):
    """F15"""

    def sign_up(number):
        browser = racing_app.test_client()
        person = {
            "first_name": "Grace", "last_name": "Hopper", "email": f"grace{number}@example.com",
            "password": PASSWORD, "password2": PASSWORD,
        }  # fmt: skip
        return browser.submit("/account/register", person).status_code

    assert set(race(*(lambda n=n: sign_up(n) for n in range(12)))) == {302}
    assert count(select(User.id)) == 12


def test_two_workers_send_a_mail_once(race, racing_app):
    """F6: one worker gets the lease."""
    row_ids = []
    for _ in range(5):
        user = make_user(confirmed=False)
        register.resend_confirmation(user)
    row_ids = list(db.session.scalars(select(EmailMessage.id)))
    db.session.remove()
    sent = racing_app.extensions.setdefault("mail_memory", [])
    sent.clear()
    race(*(lambda i=i: mails.deliver(i) for i in row_ids * 4))
    assert len(sent) == 5
