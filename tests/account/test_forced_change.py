"""Require a new password before users can open other pages."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.services import own_account, user_access
from tests.support import PASSWORD

NEW = "xK3#vQ9!mZ2p"
PAGE = "/account/manage/change-password"


@pytest.fixture
def forced(admin, make_user):
    user = make_user()
    user_access.require_password_change(user, by=admin)
    return user


@pytest.mark.parametrize("path", ["/", "/account/manage", "/account/manage/devices"])
def test_every_page_leads_to_the_one_that_changes_it(client, forced, path):
    client.sign_in(forced.email)
    response = client.get(path)
    assert response.location.split("?")[0] == PAGE
    assert "Choose a new password first" in client.get(response.location).text


def test_an_administrator_who_must_change_reaches_no_admin_page(client, admin, make_user):
    admin.must_change_password = True
    db.session.commit()
    client.enter(admin)
    for path in ("/admin/", "/admin/users", f"/admin/user/{admin.id}"):
        assert client.get(path).location.split("?")[0] == PAGE
    token = client.csrf_token(PAGE)
    other = make_user()
    client.post(f"/admin/user/{other.id}/suspend", data={"csrf_token": token})
    assert other.status == "active"


def test_after_the_change_one_goes_on_where_one_wanted_to(client, forced):
    client.sign_in(forced.email)
    wanted = client.get("/account/manage?x=1").location
    fields = {"old_password": PASSWORD, "new_password": NEW, "new_password2": NEW}
    response = client.submit(wanted, fields)
    assert response.location == "/account/manage?x=1"
    assert client.get("/").status_code == 200
    assert not forced.must_change_password


def test_the_present_password_is_no_new_one(client, forced):
    client.sign_in(forced.email)
    fields = {"old_password": PASSWORD, "new_password": PASSWORD, "new_password2": PASSWORD}
    page = client.submit(PAGE, fields)
    assert "another password" in page.text
    assert forced.must_change_password


def test_a_reset_by_mail_does_as_well(client, forced, outbox):
    path = f"/account/reset-password/{forced.generate_password_reset_token()}"
    page = client.submit(path, {"new_password": PASSWORD, "new_password2": PASSWORD})
    assert "another password" in page.text
    client.submit(path, {"new_password": NEW, "new_password2": NEW})
    assert not forced.must_change_password
    client.sign_in(forced.email, NEW)
    assert client.get("/").status_code == 200


def test_users_who_must_change_their_password_can_sign_out(client, forced):
    client.sign_in(forced.email)
    client.submit("/account/logout", form_at=PAGE)
    assert client.get("/").status_code == 200


def test_health_and_styles_are_not_in_the_way(client, forced):
    client.sign_in(forced.email)
    assert client.get("/healthz").status_code == 200


def test_an_address_is_confirmed_before_a_password_is_asked_for(client, make_user, admin):
    user = make_user(confirmed=False)
    user_access.require_password_change(user, by=admin)
    client.sign_in(user.email)
    assert client.get("/").location == "/account/unconfirmed"
    assert client.get("/account/unconfirmed").status_code == 200


def test_users_are_notified_by_mail_once(client, forced, admin, outbox):
    user_access.require_password_change(forced, by=admin)
    kinds = db.session.scalars(select(EmailMessage.message)).all()
    assert kinds == ["password_change_required"]
    assert "choose a new password" in outbox.last_text()


@pytest.mark.parametrize("trait", ["invited", "deleted"])
def test_it_is_not_asked_of_those_who_cannot(admin, make_user, trait):
    user = make_user(invited=trait == "invited")
    if trait == "deleted":
        user.deleted_at = user.created_at
        db.session.commit()
    with pytest.raises((user_access.WrongState, own_account.UserGone)):
        user_access.require_password_change(user, by=admin)
