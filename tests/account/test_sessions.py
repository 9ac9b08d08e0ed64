"""How sessions end, when they are fresh, and how their cookies behave."""

import re
import string
from datetime import timedelta

import pytest
import time_machine
from flask_login import encode_cookie

from app.extensions import db
from app.kit import clean_up
from app.kit.database import now
from app.models import User, UserSession
from app.services import sessions, users
from tests.support import PASSWORD, links, path_of

BASE64 = f"{string.ascii_uppercase}{string.ascii_lowercase}{string.digits}-_"
NEW_PASSWORD = "another horse battery staple"
CHANGE = {"old_password": PASSWORD, "new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


@pytest.fixture
def enter(app):
    """Return a function that returns a browser in which a user is signed in."""

    def enter(user, **options):
        browser = app.test_client()
        browser.enter(user, **options)
        return browser

    return enter


@pytest.fixture
def only_remembered(app):
    """Return a function that returns a browser with only the remember-me cookie."""

    def only_remembered(user):
        token = sessions.start(user, remembered=True, address="", device="")
        browser = app.test_client()
        browser.set_cookie("remember_token", encode_cookie(token))
        return browser

    return only_remembered


# How sessions end


def test_changing_the_password_ends_every_other_session(make_user, enter, only_remembered):
    """SE-3"""
    user = make_user()
    own, other, remembered = enter(user), enter(user), only_remembered(user)
    assert own.submit("/account/manage/change-password", CHANGE).status_code == 302
    assert own.is_signed_in()
    assert not other.is_signed_in()
    assert not remembered.is_signed_in()


def test_resetting_the_password_ends_every_session(
    client, make_user, enter, only_remembered, outbox
):
    """SE-3"""
    user = make_user()
    browsers = enter(user), only_remembered(user)
    client.submit("/account/reset-password", {"email": user.email})
    link = path_of(links(outbox.last_text())[0])
    new = {"new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.submit(link, new).status_code == 302
    assert not any(browser.is_signed_in() for browser in browsers)


def test_suspending_someone_ends_their_sessions_for_good(make_user, enter, only_remembered, admin):
    """SE-4: the sessions stay ended after a reactivation."""
    user = make_user()
    browsers = enter(user), only_remembered(user)
    users.suspend(user, by=admin)
    assert not any(browser.is_signed_in() for browser in browsers)
    users.reactivate(user, by=admin)
    assert not any(browser.is_signed_in() for browser in browsers)


def test_a_role_counts_from_the_next_request_on(make_user, enter, admin):
    """SE-4"""
    other = make_user(role="Administrator")
    browser = enter(other)
    assert browser.get("/admin/").status_code == 200
    users.change_role(other, role=make_user().role, by=admin)
    assert browser.get("/admin/").status_code == 403
    assert browser.is_signed_in()


def test_one_session_ends_without_the_others(make_user, enter):
    """SE-7"""
    user = make_user()
    own, other = enter(user), enter(user)
    own.submit("/account/logout", form_at="/account/manage")
    assert not own.is_signed_in()
    assert other.is_signed_in()


def test_signing_out_takes_the_cookie_that_remembers_away(client, make_user):
    """SE-2"""
    client.sign_in(make_user().email, remember_me="y")
    assert client.get_cookie("remember_token")
    client.submit("/account/logout", form_at="/account/manage")
    assert client.get_cookie("remember_token") is None


def test_sessions_that_ran_out_are_purged(make_user):
    user = make_user()
    sessions.start(user, remembered=False, address="", device="")
    with time_machine.travel(now() + timedelta(days=8)):
        assert clean_up.run()["sessions"] == 1


def test_a_session_cannot_be_kept_alive_by_what_is_said_in_its_cookie(client, make_user):
    """SE-5: the database decides how long a session lasts."""
    user = make_user()
    client.enter(user)
    with client.session_transaction() as cookie:
        cookie.permanent = True
        cookie["_fresh"] = True
    with time_machine.travel(now() + timedelta(days=8)):
        assert not client.is_signed_in()


# Freshness


GRAVE = [
    "/admin/new-user",
    "/admin/user/{id}/change-name",
    "/admin/user/{id}/change-email",
    "/admin/user/{id}/change-account-type",
    "/admin/user/{id}/suspend",
]


@pytest.mark.parametrize("path", GRAVE)
def test_a_grave_action_asks_for_the_password_again_after_a_quarter_of_an_hour(
    path, admin, make_user, enter
):
    """SE-8"""
    browser = enter(admin)
    path = path.format(id=make_user().id)
    assert browser.get(path).status_code == 200
    with time_machine.travel(now() + timedelta(minutes=16)):
        assert browser.get("/admin/").status_code == 200
        asked = browser.get(path)
        assert asked.status_code == 302
        assert asked.location.startswith("/account/reauthenticate?next=/admin/")
        wrong = browser.submit(asked.location, {"password": "wrong"})
        assert "not your password" in wrong.text
        assert browser.get(path).status_code == 302
        right = browser.submit(asked.location, {"password": PASSWORD})
        assert right.location == path
        assert browser.get(path).status_code == 200


def test_a_grave_action_that_is_posted_late_is_not_done(admin, make_user, enter):
    """SE-8"""
    user = make_user()
    browser = enter(admin)
    actions = {
        "suspend": {},
        "change-email": {"email": "new@example.com"},
        "change-name": {"first_name": "N", "last_name": "N"},
    }
    with time_machine.travel(now() + timedelta(minutes=16)):
        token = browser.csrf_token("/account/manage")
        for action, data in actions.items():
            response = browser.post(
                f"/admin/user/{user.id}/{action}", data={**data, "csrf_token": token}
            )
            assert "/account/reauthenticate" in response.location, action
    assert user.status == "active"
    assert user.email != "new@example.com"


def test_a_session_that_is_only_remembered_is_not_fresh_either(admin, only_remembered):
    """SE-8"""
    browser = only_remembered(admin)
    assert "/account/reauthenticate" in browser.get("/admin/new-user").location
    with time_machine.travel(now() + timedelta(hours=1)):
        assert browser.get("/admin/").status_code == 200
        assert "/account/reauthenticate" in browser.get("/admin/new-user").location


def test_another_persons_password_does_not_confirm_who_one_is(admin, make_user, enter):
    """SE-8"""
    other = make_user()
    other.password = NEW_PASSWORD
    db.session.commit()
    browser = enter(admin)
    page = browser.submit("/account/reauthenticate", {"password": NEW_PASSWORD})
    assert "not your password" in page.text


def test_guesses_at_the_password_of_a_session_are_counted(make_user, enter):
    """BF-1: an attacker with a stolen session must not find the password with it."""
    user = make_user()
    browser = enter(user)
    paths = {
        "/account/reauthenticate": {"password": "x"},
        "/account/manage/change-password": {**CHANGE, "old_password": "x"},
        "/account/manage/change-email": {"email": "new@example.com", "password": "x"},
    }
    for path, data in paths.items():
        token = browser.csrf_token(path)
        sent = [browser.post(path, data={**data, "csrf_token": token}) for _ in range(12)]
        assert sent[-1].status_code == 429, path


@pytest.mark.parametrize("wanted", ["//evil.example", "https:evil.example", "/\\evil.example"])
def test_nobody_is_sent_to_another_site_after_giving_the_password(make_user, enter, wanted):
    """RE-1"""
    browser = enter(make_user())
    response = browser.submit(
        "/account/reauthenticate", {"password": PASSWORD}, query_string={"next": wanted}
    )
    assert response.location == "/"


# Cookies


def test_private_pages_are_not_stored(make_user, admin, enter):
    """SE-9"""
    browser = enter(admin)
    for path in (
        "/", "/", "/account/manage", "/account/manage/change-password", "/admin/",
        "/admin/users", f"/admin/user/{make_user().id}", "/nowhere", "/admin/nowhere",
    ):  # fmt: skip
        response = browser.get(path)
        assert response.headers["Cache-Control"] == "no-store", path
        assert "Cookie" in response.headers["Vary"], path


BROKEN = {
    "empty": "",
    "nonsense": "x",
    "no signature": "eyJ4IjoxfQ",
    "another key": "eyJfdXNlcl9pZCI6IjEifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "compressed nonsense": ".eJwAAAAA.aaaaaa.bbbbbbbbbbbbb",
    "bar": "|",
    "letters of other scripts": "1|é",
    "broken UTF-8": "1|\xff\xfe",
    "large": "x" * 8000,
    "control characters": "a\x01b\x7f",
}


@pytest.mark.parametrize("name", ["session", "remember_token"])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_cookie_is_ignored(client, name, kind):
    """SE-10, F34"""
    header = f"{name}={BROKEN[kind]}".encode().decode("latin-1")
    for path in ("/", "/account/login"):
        response = client.get(path, environ_overrides={"HTTP_COOKIE": header})
        assert response.status_code == 200, path
    private = client.get("/account/manage", environ_overrides={"HTTP_COOKIE": header})
    assert private.location.startswith("/account/login")


def test_fifty_cookies_are_ignored(client):
    """SE-10"""
    header = "; ".join(f"session=x{n}; remember_token=1|{n}" for n in range(50))
    assert client.get("/", environ_overrides={"HTTP_COOKIE": header}).status_code == 200


@pytest.mark.parametrize("name", ["session", "remember_token"])
def test_a_cookie_with_one_character_changed_signs_nobody_in(client, make_user, name, app):
    """SE-10"""
    client.sign_in(make_user().email, remember_me="y")
    value = client.get_cookie(name).value
    for at in range(0, len(value), 7):
        # The last bits of the last character are unused, so change a high one.
        place = BASE64.find(value[at])
        changed = value[:at] + (BASE64[place ^ 32] if place >= 0 else "A") + value[at + 1 :]
        browser = app.test_client()
        browser.set_cookie(name, changed)
        assert not browser.is_signed_in(), at


def test_a_request_that_overlaps_a_sign_in_does_not_undo_it(client, make_user):
    """The script of a page asks while its form is sent, and its answer may come last."""
    email = make_user().email
    client.get("/account/login")
    with client.session_transaction() as cookie:
        assert [*cookie] == ["csrf_token"]
    for path in ("/", "/account/login", "/account/register", "/no/such/page"):
        assert "Set-Cookie" not in client.get(path).headers, path
    answer = client.submit("/account/check-password", {"password": "x"}, form_at="/account/login")
    assert "Set-Cookie" not in answer.headers
    client.sign_in(email)
    assert client.is_signed_in()


def test_a_long_message_does_not_cost_the_session(client, make_user, app):
    """SE-10: browsers silently drop cookies of more than 4096 bytes."""
    client.enter(make_user())
    with client.session_transaction() as cookie:
        cookie["_flashes"] = [("info", f"{n}" * 400) for n in range(40)]
    cookie = client.get_cookie("session")
    assert len(f"session={cookie.value}; HttpOnly; Path=/; SameSite=Lax") <= 4096
    assert client.is_signed_in()


def test_an_earlier_secret_key_is_good_for_cookies_until_it_is_taken_away(
    app, client, make_user, monkeypatch
):
    """CF-4"""
    client.sign_in(make_user().email, remember_me="y")
    remembered = app.test_client()
    remembered.set_cookie("remember_token", client.get_cookie("remember_token").value)
    old_key = app.config["SECRET_KEY"]
    monkeypatch.setitem(app.config, "SECRET_KEY", "k" * 48)
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [old_key])
    assert client.is_signed_in()
    assert remembered.is_signed_in()
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [])
    fresh = app.test_client()
    fresh.set_cookie("remember_token", encode_cookie("x", key=old_key))
    assert not fresh.is_signed_in()


def test_a_session_cookie_with_the_id_of_a_user_signs_nobody_in(client, make_user):
    """SE-1: the cookie needs the token of a session, not an id that can be guessed."""
    user = make_user()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = str(user.id)
    assert not client.is_signed_in()


def test_the_hash_of_a_session_from_a_stolen_database_signs_nobody_in(client, make_user):
    """SE-1"""
    sessions.start(make_user(), remembered=True, address="", device="")
    row = db.session.query(UserSession).one()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = row.token_hash
    assert not client.is_signed_in()


def test_a_session_that_ends_while_it_is_noted_as_used_is_no_error(make_user):
    """F25: a user signs out in one tab while another tab loads a page."""
    user = make_user()
    sessions.start(user, remembered=False, address="", device="")
    session = db.session.query(UserSession).one()
    session.user = db.session.get(User, user.id)
    with time_machine.travel(now() + timedelta(minutes=10)):
        db.session.execute(db.text("DELETE FROM user_sessions"))
        sessions.touch(session)


def test_no_page_names_the_server_or_the_token_of_the_session(client, make_user):
    """SE-6, HD-2"""
    client.enter(make_user())
    page = client.get("/account/manage")
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] not in page.text
    assert not re.search(r"werkzeug|flask/", str(page.headers), re.IGNORECASE)


def test_a_cookie_from_a_host_whose_clock_is_ahead_is_read(client, make_user):
    """F24"""
    with time_machine.travel("2030-01-01T00:10:00Z", tick=False) as clock:
        client.sign_in(make_user().email)
        clock.move_to("2030-01-01T00:00:00Z")
        assert client.is_signed_in()
