"""The second step of signing in, with a method of its own: the word "sesame"."""

from datetime import timedelta

import pytest
import time_machine
from flask import request
from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.kit.web.sign_in import second_steps
from app.kit.web.sign_in.second_step_pages import finish_sign_in, other_steps, second_step_page
from app.models import AuditEvent, UserSession
from app.services import policy
from tests import factories
from tests.support import PASSWORD
from tests.world import NEW_PASSWORD

PAGE = "/sesame"


@pytest.fixture(scope="module")
def sesame(app):
    """Add the page of the method to the app, as a feature does."""

    @second_step_page
    def ask_for_the_word(user, pending):
        if request.args.get("word") != "sesame":
            return ", ".join(one.label for one in other_steps(user, pending, "sesame"))
        policy.lock(user)
        return finish_sign_in(user, "sesame")

    # Flask refuses new routes after the first request.
    app._got_first_request, before = False, app._got_first_request
    app.add_url_rule(PAGE, "sesame", ask_for_the_word)
    app._got_first_request = before
    yield
    app.view_functions.pop("sesame")


@pytest.fixture(autouse=True)
def methods(sesame, monkeypatch):
    """Register the method, a spare method, and no others."""
    monkeypatch.setattr(second_steps, "_steps", [])
    monkeypatch.setattr(second_steps, "_vouches", [])
    second_steps.second_step("main.index", "Use the spare", is_asked=False)(lambda *_: True)
    second_steps.second_step("sesame", "Say the word")(lambda user, way: user.first_name == "Ali")


@pytest.fixture
def ali(make_user):
    return make_user(first_name="Ali")


def begin(browser, user, **fields):
    return browser.submit("/account/login", {"email": user.email, "password": PASSWORD, **fields})


def finish(browser):
    return browser.get(f"{PAGE}?word=sesame")


def sessions_of(user):
    return db.session.scalars(select(UserSession).where(UserSession.user_id == user.id)).all()


def actions():
    return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_no_session_starts_before_the_second_step(client, ali):
    assert begin(client, ali).location == PAGE
    assert not client.is_signed_in()
    assert sessions_of(ali) == []
    assert actions() == ["session.second_step_asked"]
    assert client.get(PAGE).text == "Use the spare"
    assert finish(client).location == "/account/"
    assert client.is_signed_in()
    assert sessions_of(ali)[0].has_second_factor
    started = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "session.started"))
    assert started.one().details["way"] == "password, sesame"


def test_remember_me_and_the_wanted_page_outlast_the_second_step(client, ali):
    data = {"email": ali.email, "password": PASSWORD, "remember_me": "y"}
    client.submit("/account/login?next=/account/manage/devices", data)
    assert finish(client).location == "/account/manage/devices"
    assert sessions_of(ali)[0].remembered


def test_users_without_a_method_are_not_asked(client, make_user):
    assert begin(client, make_user(first_name="Cassim")).location == "/account/"
    assert client.is_signed_in()


def test_a_method_that_is_not_asked_by_itself_causes_no_second_step(client, make_user):
    user = make_user(first_name="Cassim")
    assert second_steps.steps_of(user, "password") == []


def test_a_browser_that_is_vouched_for_is_not_asked(client, ali):
    second_steps.vouches_for_browser(lambda user: user.first_name == "Ali")
    begin(client, ali)
    assert client.is_signed_in()
    assert sessions_of(ali)[0].has_second_factor


def test_without_a_sign_in_that_waits_the_page_leads_elsewhere(client, ali):
    assert finish(client).location == "/account/login"
    client.enter(ali)
    assert finish(client).location == "/"


def test_another_browser_cannot_finish(app, client, ali):
    begin(client, ali)
    assert finish(app.test_client()).location == "/account/login"


def suspend(user):
    user.suspended_at = now()


def delete(user):
    user.deleted_at = now()


def change_password(user):
    user.password = NEW_PASSWORD


def change_email(user):
    user.email = "baba@example.com"


def promote(user):
    user.role = factories.make_role("Captain", permissions=3)


def widen_role(user):
    user.role.permissions |= 2


@pytest.mark.parametrize(
    "change", [suspend, delete, change_password, change_email, promote, widen_role]
)
def test_a_change_of_the_account_voids_the_sign_in(client, ali, change):
    begin(client, ali)
    change(ali)
    db.session.commit()
    assert finish(client).location == "/account/login"
    assert sessions_of(ali) == []
    assert "Start again" in client.get("/account/login").text


def test_it_expires_after_ten_minutes(client, ali):
    begin(client, ali)
    with time_machine.travel(now() + timedelta(minutes=9, seconds=50), tick=False):
        assert client.get(PAGE).status_code == 200
    with time_machine.travel(now() + timedelta(minutes=10, seconds=10), tick=False):
        assert finish(client).location == "/account/login"


def test_it_ends_once(client, ali, copy_cookies):
    begin(client, ali)
    finish(client)
    assert client.get(PAGE).location == "/"


def test_the_token_of_the_form_is_renewed(client, ali):
    """SE-1"""
    before = client.csrf_token()
    begin(client, ali)
    refused = client.post("/account/login", data={"csrf_token": before, "email": ali.email})
    assert refused.status_code == 400


def test_a_long_target_does_not_fill_the_cookie(client, ali):
    data = {"email": ali.email, "password": PASSWORD}
    client.submit(f"/account/login?next=/{'x' * 3_000}", data)
    assert finish(client).location == "/account/"


def test_a_fresh_sign_in_asks_for_the_second_step_too(client, ali):
    client.enter(ali)
    (session,) = sessions_of(ali)
    session.authenticated_at = now() - timedelta(hours=1)
    db.session.commit()
    page = "/account/reauthenticate?next=/account/manage/devices"
    assert client.submit(page, {"password": PASSWORD}).location == PAGE
    db.session.refresh(session)
    assert session.authenticated_at < now() - timedelta(minutes=50)
    assert finish(client).location == "/account/manage/devices"
    (session,) = sessions_of(ali)
    assert session.authenticated_at > now() - timedelta(minutes=1)
    assert session.has_second_factor
    assert actions()[-1] == "session.reauthenticated"


def test_a_fresh_sign_in_of_an_ended_session_is_void(app, client, ali):
    client.enter(ali)
    client.submit("/account/reauthenticate", {"password": PASSWORD})
    db.session.delete(sessions_of(ali)[0])
    db.session.commit()
    assert finish(client).location == "/account/login"
    assert not client.is_signed_in()


def test_a_vouched_browser_is_asked_for_a_fresh_sign_in(client, ali):
    second_steps.vouches_for_browser(lambda _user: True)
    client.enter(ali)
    assert client.submit("/account/reauthenticate", {"password": PASSWORD}).location == PAGE
