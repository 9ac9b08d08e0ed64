"""Visitors are held back, and administrators get in."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.maintenance import site_mode
from app.features.maintenance.models import Maintenance, SiteMode, SiteState
from app.kit.database import now
from app.models import AuditEvent, Permission
from tests import factories
from tests.gates import assert_gate
from tests.support import PASSWORD, needs
from tests.world import HOSTILE

PAGE = "/admin/maintenance"
CLOSED, READ_ONLY, OFF = SiteMode.CLOSED, SiteMode.READ_ONLY, SiteMode.OFF


def events():
    actions = select(AuditEvent.action).order_by(AuditEvent.id)
    return [one for one in db.session.scalars(actions) if one.startswith("maintenance.")]


def test_a_closed_site_shows_visitors_and_users_a_page(client, make_user, signed_in, put):
    browser = signed_in(make_user())
    put(CLOSED, f"Back at noon {HOSTILE}", now() + timedelta(minutes=10))
    for visitor in (client, browser):
        answer = visitor.get("/account/manage")
        assert answer.status_code == 503
        assert 590 <= int(answer.headers["Retry-After"]) <= 600
        assert answer.headers["Cache-Control"] == "no-store"
        assert "We will be back soon" in answer.text
        assert "Back at noon &#34;" in answer.text
        assert HOSTILE not in answer.text
        assert "in 10 minutes" in answer.text
        assert 'aria-label="Maintenance"' not in answer.text
    assert "Sign in as an administrator" in client.get("/").text
    assert "Sign out" in browser.get("/").text
    assert client.head("/").status_code == 503
    for path in ("/healthz", "/static/images/favicon.svg"):
        assert client.get(path).status_code != 503
    put(OFF)
    assert client.get("/").status_code == 200


def test_programs_get_json(client, put):
    for mode in (CLOSED, READ_ONLY):
        put(mode)
        answer = client.post(
            "/account/register",
            headers={"Accept": "application/json", "X-CSRFToken": client.csrf_token()},
        )
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "300"
        assert set(answer.json) == {"error", "message", "request_id"}


def test_an_administrator_signs_in_works_and_opens_the_site_again(client, app, admin, put):
    put(CLOSED, "Back at noon")
    login = client.get("/account/login")
    assert login.status_code == 200
    assert "The site is closed for maintenance." in login.text
    client.sign_in(admin.email)
    page = client.get("/", follow_redirects=True)
    assert page.status_code == 200
    assert "Only administrators get in." in page.text
    answer = client.submit(PAGE, {"mode": "off", "message": "Back at noon"})
    assert answer.location == PAGE
    assert "Only administrators get in." not in client.get(PAGE).text
    assert app.test_client().get("/").status_code == 200


def test_a_user_who_signs_in_meanwhile_stays_outside_and_can_sign_out(client, make_user, put):
    user = make_user()
    user.role = factories.make_role("Nearly", Permission.known() & ~0x80 & ~Permission.IMPERSONATE)
    db.session.commit()
    put(CLOSED)
    client.sign_in(user.email)
    for path in ("/", "/account/manage", "/admin/", PAGE):
        assert client.get(path).status_code in {403, 503}
    client.submit("/account/logout", form_at="/")
    assert "Sign in as an administrator" in client.get("/").text


@needs("impersonation")
def test_an_administrator_sees_the_closed_site_as_another_user_and_comes_back(
    browser, make_user, put
):
    user = make_user()
    put(CLOSED)
    path = f"/admin/user/{user.id}/sign-in-as"
    browser.submit(path, {"password": PASSWORD, "reason": "Help"})
    assert browser.get("/account/manage").status_code == 200
    browser.submit("/account/stop-acting", form_at="/")
    assert browser.get(PAGE).status_code == 200


def test_a_read_only_site_is_read_and_not_changed(browser, admin, make_user, signed_in, put):
    user = make_user()
    member = signed_in(user)
    put(READ_ONLY, "We copy the database.")
    page = member.get("/account/manage/change-name")
    assert page.status_code == 200
    assert "The site is read-only." in page.text
    assert "We copy the database." in page.text
    before = user.first_name
    answer = member.submit(
        "/account/manage/change-name", {"first_name": "Grace", "last_name": "Hopper"}
    )
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "300"
    assert "so this was not saved" in answer.text
    answer = browser.submit(f"/admin/user/{user.id}/suspend", form_at="/admin/")
    assert answer.status_code == 503
    db.session.refresh(user)
    assert user.first_name == before
    assert not user.is_suspended

    member.submit("/account/logout", form_at="/")
    member.sign_in(user.email)
    assert member.is_signed_in()
    assert browser.submit(PAGE, {"mode": "off"}).status_code == 302
    answer = member.submit(
        "/account/manage/change-name", {"first_name": "Grace", "last_name": "Hopper"}
    )
    assert answer.status_code == 302


def test_a_closed_site_holds_every_view_back_that_is_not_open(app, make_user, put):
    """AZ-1"""
    user = make_user()
    put(CLOSED)

    def enter():
        browser = app.test_client()
        browser.enter(user)
        return browser

    assert_gate(
        "maintenance",
        app,
        enter=enter,
        is_refused=lambda response: response.status_code == 503,
        form_at="/",
        json_status=503,
        spares=["signs_in"],
    )


def test_the_form_says_what_is_wrong_and_notices_another_change(browser, put):
    put(READ_ONLY, "First", now() + timedelta(hours=1))
    past = {"mode": "closed", "message": "x" * 501, "until": "2020-01-01T10:00"}
    page = browser.submit(PAGE, past).text
    assert "Use at most 500 characters." in page
    assert "Enter a time in the future, or leave it empty." in page
    stale = {"mode": "closed", "seen": '{"mode": "off", "message": "", "until": ""}'}
    answer = browser.submit(PAGE, stale)
    assert answer.status_code == 409
    assert "First" in answer.text
    assert db.session.get(Maintenance, 1).mode == "read-only"
    assert browser.submit(PAGE, {"mode": "closed"}).status_code == 302
    assert events() == ["maintenance.made_read_only", "maintenance.closed"]


def test_an_event_tells_each_change_and_nothing_else(put):
    for values in ((CLOSED,), (CLOSED,), (CLOSED, "Soon"), (READ_ONLY, "Soon"), (OFF, "Soon")):
        put(*values)
    assert events() == [
        *("maintenance.closed", "maintenance.changed"),
        *("maintenance.made_read_only", "maintenance.ended"),
    ]
    assert site_mode.stored() == SiteState(OFF, "Soon")


def test_an_end_that_has_passed_is_not_promised_any_more(client, put):
    put(CLOSED, until=now() - timedelta(minutes=1))
    answer = client.get("/")
    assert answer.headers["Retry-After"] == "300"
    assert "Expected end" not in answer.text


def test_the_command_closes_and_opens_the_site(app, client):
    run = app.test_cli_runner().invoke
    assert run(args=["maintenance"]).output == "The site is open.\n"
    said = run(args=["maintenance", "on", "--message", "Soon", "--minutes", "10"]).output
    assert "The site is closed." in said
    assert "Visitors read: Soon" in said
    assert 1 <= int(client.get("/").headers["Retry-After"]) <= 600
    assert "read-only" in run(args=["maintenance", "read-only"]).output
    assert client.get("/").status_code == 200
    assert run(args=["maintenance", "off"]).exit_code == 0
    assert run(args=["maintenance", "on", "--message", "a\0b"]).exit_code == 1
    assert events() == [
        *("maintenance.closed", "maintenance.made_read_only", "maintenance.ended"),
    ]
    actor = select(AuditEvent.actor_label).where(AuditEvent.action == "maintenance.closed")
    assert db.session.scalar(actor) == "command line"


@pytest.mark.parametrize("mode", [CLOSED, READ_ONLY])
def test_pages_ask_the_database_no_more_than_before(mode, make_user, signed_in, statements, put):
    browser = signed_in(make_user(role="Administrator"))
    put(mode)
    statements.clear()
    browser.get("/account/manage")
    assert len(statements) == 1
