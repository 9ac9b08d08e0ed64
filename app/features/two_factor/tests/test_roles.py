"""A role requires a second factor: its users set one up before anything else."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.two_factor import services
from app.features.two_factor.models import TwoFactorRole, is_demanded_of
from app.features.two_factor.tests.support import (
    CODE_PAGE,
    MANAGE,
    SET_UP,
    code,
    demand,
    enable,
)
from app.features.two_factor.tests.test_managing import turn_on
from app.models import Permission, UserSession
from app.services import users
from tests import factories
from tests.gates import assert_gate
from tests.support import PASSWORD, module_of, needs


@pytest.fixture
def user(make_user):
    user = make_user()
    user.role = factories.make_role("Editor", permissions=1)
    db.session.commit()
    demand(user.role)
    return user


def test_the_rest_of_the_session_is_closed_until_it_is_set_up(app, user):
    def enter():
        browser = app.test_client()
        browser.enter(user)
        return browser

    assert_gate(
        "second_factor_missing",
        app,
        enter=enter,
        is_refused=lambda response: response.location == SET_UP and response.request.path != SET_UP,
        form_at=SET_UP,
        spares=["signs_in", "sets_up_second_step", "explains_gate"],
    )


def test_a_user_without_a_factor_sets_one_up_and_goes_on(client, user):
    client.sign_in(user.email)
    assert client.get("/account/").location == SET_UP
    assert "Your role requires" in client.get(SET_UP).text
    turn_on(client)
    assert client.get("/account/").status_code == 200


def test_a_session_from_before_the_demand_gives_password_and_code(client, user):
    enable(user)
    client.enter(user)
    db.session.scalars(select(UserSession)).one().has_second_factor = False
    db.session.commit()
    wanted = "/account/manage/devices"
    page = client.get(wanted).location
    assert page == f"/account/reauthenticate?next={wanted}"
    assert client.submit(page, {"password": PASSWORD}).location == CODE_PAGE
    assert client.submit(CODE_PAGE, {"code": code()}).location == wanted
    assert client.get(wanted).status_code == 200


def test_a_session_with_a_second_factor_is_not_held_back(client, user):
    enable(user)
    client.submit("/account/login", {"email": user.email, "password": PASSWORD})
    client.submit(CODE_PAGE, {"code": code()})
    assert client.get("/account/").status_code == 200


def test_the_other_gates_come_first(client, user):
    user.must_change_password = True
    db.session.commit()
    client.enter(user)
    assert client.get("/account/").location.startswith("/account/manage/change-password")
    user.confirmed = False
    db.session.commit()
    assert client.get("/account/").location == "/account/unconfirmed"


def test_users_with_other_roles_are_not_held_back(client, user, make_user):
    client.enter(make_user())
    assert client.get("/account/").status_code == 200
    assert is_demanded_of(user.role)


@needs("passkeys")
def test_a_passkey_satisfies_the_demand(app, user):
    support = module_of("passkeys", "tests.support")
    passkey = support.give_passkey(user)
    browser = app.test_client()
    assert support.sign_in(browser, passkey).status_code == 302
    assert browser.get("/account/").status_code == 200
    enable(user)
    assert "Your role requires" not in browser.get(MANAGE).text


@needs("passkeys")
def test_a_passkey_that_is_demanded_is_asked_for_after_the_password(app, user):
    support = module_of("passkeys", "tests.support")
    passkey = support.give_passkey(user)
    browser = app.test_client()
    assert support.give_password(browser, user).location == support.SECOND_STEP
    given = support.options(browser, support.SECOND_STEP).json
    support.send(browser, support.SECOND_STEP, passkey.sign(given))
    assert browser.get("/account/").status_code == 200


@needs("passkeys")
def test_a_passkey_is_added_in_place_of_an_app(client, user):
    support = module_of("passkeys", "tests.support")
    authenticator = module_of("passkeys", "tests.authenticator").Authenticator()
    client.sign_in(user.email)
    assert f'href="{support.ADD}"' in client.get(SET_UP).text
    made = authenticator.make(support.options(client, support.ADD).json)
    assert support.send(client, support.ADD, made, name="Key").location == support.MANAGE
    assert client.get("/account/").status_code == 200


@needs("passkeys")
def test_a_session_without_the_factor_adds_no_other(client, user):
    support = module_of("passkeys", "tests.support")
    support.give_passkey(user)
    client.enter(user)
    db.session.scalars(select(UserSession)).one().has_second_factor = False
    db.session.commit()
    for page in (SET_UP, support.ADD):
        assert client.get(page).location == f"/account/reauthenticate?next={page}"


@needs("impersonation")
def test_an_impersonation_neither_asks_for_the_factor_nor_shows_it(client, admin, user):
    enable(user)
    client.enter(admin)
    client.submit(f"/admin/user/{user.id}/sign-in-as", {"password": PASSWORD})
    assert client.get("/account/").status_code == 200
    for path in (MANAGE, SET_UP, f"{MANAGE}/recovery-codes", f"{MANAGE}/turn-off"):
        assert client.get(path).status_code == 403
    assert MANAGE not in client.get("/account/manage").text


@needs("roles")
def test_an_administrator_demands_it_on_the_page_of_a_role(client, admin):
    role = factories.make_role("Editor", permissions=1)
    client.enter(admin)
    page = f"/admin/roles/{role.id}"
    assert "<h3>Optional</h3>" in client.get(page).text
    answer = client.submit(f"{page}/two-factor", {"demand": "yes"}, form_at=page)
    assert answer.location == page
    assert "Stop requiring" in client.get(page).text
    client.submit(f"{page}/two-factor", {"demand": "no"}, form_at=page)
    assert db.session.scalars(select(TwoFactorRole)).all() == []


@needs("impersonation")
def test_a_demand_ends_impersonations_by_sessions_without_the_factor(client, admin, make_user):
    user = make_user()
    client.enter(admin)
    client.submit(f"/admin/user/{user.id}/sign-in-as", {"password": PASSWORD})
    assert client.get("/account/manage").status_code == 200
    services.demand(admin.role, is_demanded=True, by=None)
    assert client.get("/account/manage").location == "/"
    assert client.get("/account/manage").location == SET_UP


@needs("impersonation")
def test_a_role_that_demands_it_ends_the_impersonations_of_its_new_users(client, admin, make_user):
    """SE-4: also of those who got the role in bulk, or with another role that was deleted."""
    user, helper = make_user(), make_user(role="Administrator")
    client.enter(helper)
    client.submit(f"/admin/user/{user.id}/sign-in-as", {"password": PASSWORD})
    role = factories.make_role("Second administrator", permissions=Permission.ADMINISTER)
    demand(role)
    users.change_role(helper, role=role, by=admin)
    assert client.get("/account/manage").location == "/"
    assert client.get("/account/manage").location == SET_UP
    assert db.session.scalars(select(UserSession.acting_as_id)).all() == [None]


def test_nobody_demands_it_of_a_role_above_them(client, admin, make_user):
    helper = make_user()
    helper.role = factories.make_role("Keeper", permissions=Permission.MANAGE_ROLES)
    db.session.commit()
    client.enter(helper)
    path = f"/admin/roles/{admin.role_id}/two-factor"
    answer = client.submit(path, {"demand": "yes"}, form_at="/account/manage/change-name")
    assert answer.status_code == 403
    assert db.session.scalars(select(TwoFactorRole)).all() == []


def test_a_command_demands_it(app, user):
    runner = app.test_cli_runner()
    stopped = runner.invoke(args=["demand_two_factor", "Editor", "--stop"])
    assert "no longer requires" in stopped.output
    assert db.session.scalars(select(TwoFactorRole)).all() == []
    assert runner.invoke(args=["demand_two_factor", "Editor"]).exit_code == 0
    assert len(db.session.scalars(select(TwoFactorRole)).all()) == 1
    assert "There is no role" in runner.invoke(args=["demand_two_factor", "Nobody"]).output


def test_a_new_session_takes_one_query_for_user_role_and_demand(client, user, statements):
    enable(user)
    client.enter(user)
    db.session.scalars(select(UserSession)).one().has_second_factor = True
    db.session.commit()
    client.get("/account/manage/change-name")
    statements.clear()
    client.get("/account/manage/change-name")
    assert len(statements) == 1
