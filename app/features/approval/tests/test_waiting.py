"""Users who register wait, and reach nothing but the page that says so."""

import pytest

from app.extensions import db
from app.features.approval import approvals
from app.models import User
from tests.gates import assert_gate
from tests.support import PASSWORD, links, path_of

WAITING = "/account/awaiting-approval"
PERSON = {
    "first_name": "Grace",
    "last_name": "Hopper",
    "email": "grace@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
}


def register(client):
    assert client.submit("/account/register", PERSON).status_code == 302
    return User.by_email(PERSON["email"])


def test_a_user_registers_confirms_waits_and_gets_in(client, app, approval, admin, outbox):
    user = register(client)
    confirm = path_of(links(outbox.last_text())[0])
    client.submit(confirm)
    client.sign_in(PERSON["email"])
    assert client.get("/account/manage").location == WAITING
    assert PERSON["email"] in client.get(WAITING).text

    administrator = app.test_client()
    administrator.enter(admin)
    assert "Grace Hopper" in administrator.get("/admin/registrations").text
    administrator.submit(f"/admin/user/{user.id}/approve-registration", form_at="/")
    assert "approved" in outbox.last_text()
    assert client.get("/account/manage").status_code == 200
    assert client.get(WAITING).location == "/"


def test_nobody_waits_without_the_setting(client):
    assert not approvals.is_waiting(register(client))


def test_waiting_users_can_use_the_app_once_the_setting_is_off(app, client, waiting, monkeypatch):
    client.enter(waiting)
    assert client.get("/account/manage").location == WAITING
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", False)
    assert client.get("/account/manage").status_code == 200


def test_users_from_before_the_setting_do_not_wait(client, approval, make_user):
    client.enter(make_user())
    assert client.get("/account/manage").status_code == 200


def test_a_user_who_waits_reaches_only_what_is_open_to_them(app, waiting):
    """AZ-1"""

    def enter():
        browser = app.test_client()
        browser.enter(db.session.get(User, waiting.id))
        return browser

    assert_gate(
        "awaiting_approval",
        app,
        enter=enter,
        is_refused=lambda response: response.location == WAITING,
        form_at=WAITING,
        spares=["explains_gate"],
    )


@pytest.mark.parametrize("values", [{"confirmed": False}, {"must_change_password": True}])
def test_no_redirects_go_round_in_a_circle(client, make_waiting, values):
    client.enter(make_waiting(**values))
    page = client.get("/account/manage", follow_redirects=True)
    assert page.status_code == 200
    assert page.request.path == (WAITING if "confirmed" not in values else "/account/unconfirmed")


def test_a_session_asks_the_database_once(client, approval, make_user):
    client.enter(make_user())
    client.get("/account/manage")
    with client.session_transaction() as session:
        assert session["approved"]


def test_the_mark_of_a_session_is_for_one_user(client, app, waiting, make_user):
    client.enter(make_user())
    client.get("/account/manage")
    with client.session_transaction() as session:
        mark = session["approved"]
    client.enter(waiting)
    with client.session_transaction() as session:
        session["approved"] = mark
    assert client.get("/account/manage").location == WAITING


def test_an_administrator_who_impersonates_is_not_held_back(app, admin, waiting):
    if "admin.sign_in_as" not in app.view_functions:
        pytest.skip("The feature impersonation is off or was removed.")
    browser = app.test_client()
    browser.enter(admin)
    path = f"/admin/user/{waiting.id}/sign-in-as"
    browser.submit(path, {"password": PASSWORD, "reason": "Help"})
    assert browser.get("/account/manage").status_code == 200


def test_an_invitation_ends_the_waiting(client, waiting):
    waiting.invited_at = waiting.created_at
    db.session.commit()
    client.enter(waiting)
    assert client.get("/account/manage").status_code == 200
    assert approvals.count_waiting() == 0
