"""Test every gate on every view: a view is open only to the gates that it names."""

import inspect
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from app import create_app
from app.extensions import db
from app.kit.web import gatekeeper, gates
from app.kit.web.forms import BaseForm
from app.kit.web.serving import shedding
from app.kit.web.sign_in.own_password import OwnPasswordForm
from app.main import views
from app.models import UserSession
from config import ConfigurationError
from tests.contracts.test_closure import may_import, owner_of
from tests.gates import assert_gate, openness
from tests.routes import check_rows, rows

ROOT = Path(__file__).parents[2]

NOT_WHILE = "Not while you are signed in as someone else"

# Forms that ask for a present password, but not for that of a user with a session.
OF_VISITORS = {"LoginForm", "ConfirmAccountForm", "ReauthenticateForm"}


def forms_of_passwords():
    """Return the forms with a field for a present password."""

    def below(form):
        return {form}.union(*map(below, form.__subclasses__()))

    def asks(form):
        fields = (getattr(value, "kwargs", {}) for value in vars(form).values())
        return any(
            (one.get("render_kw") or {}).get("autocomplete") == "current-password" for one in fields
        )

    return [form for form in below(BaseForm) if form.__module__.startswith("app.") and asks(form)]


def test_a_password_is_not_enough_where_a_sign_in_takes_more(app):
    names = {form.__name__ for form in forms_of_passwords()} - OF_VISITORS
    assert {"ChangePasswordForm", "ChangeEmailForm"} <= names
    wrong = [
        form.__name__
        for form in forms_of_passwords()
        if form.__name__ in names and not issubclass(form, OwnPasswordForm)
    ]
    assert not wrong, f"Derive {wrong} from app.kit.web.sign_in.own_password.OwnPasswordForm."
    open_views = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if names & set(inspect.unwrap(view).__code__.co_names)
        and "password_not_enough" not in getattr(view, "closed_to", ())
    ]
    assert not open_views, (
        f"Put @more_than_password_required below the access decorator of {open_views}: a user with "
        "a second factor proves it too, and one without a password signs in again."
    )


@pytest.fixture
def enter(app):
    """Return a function that returns a browser of `user`, in a new session each time."""

    def browser_of(user):
        browser = app.test_client()
        browser.enter(user)
        return browser

    return browser_of


def test_an_unconfirmed_user_reaches_only_what_is_open_to_them(app, make_user, enter):
    """AZ-1"""
    user = make_user(confirmed=False)
    assert_gate(
        "unconfirmed",
        app,
        enter=lambda: enter(user),
        is_refused=lambda response: (
            response.location == "/account/unconfirmed"
            and response.request.path != "/account/confirm-account"
        ),
        form_at="/account/unconfirmed",
    )


def test_a_user_who_must_change_the_password_reaches_only_what_is_open_to_them(
    app, make_user, enter
):
    """AZ-1"""
    user = make_user()
    user.must_change_password = True
    db.session.commit()
    page = "/account/manage/change-password"
    assert_gate(
        "must_change_password",
        app,
        enter=lambda: enter(user),
        is_refused=lambda response: (response.location or "").partition("?")[0] == page,
        form_at=page,
        # A second step proves the password beside the old one.
        spares=["signs_in"],
    )


def test_an_administrator_who_impersonates_reaches_only_what_is_open_to_them(app, admin, make_user):
    """SE-8: a session that impersonates may outlive the feature."""
    other = make_user()

    def enter():
        browser = app.test_client()
        browser.enter(admin)
        row = db.session.scalars(select(UserSession).order_by(UserSession.id.desc())).first()
        row.acting_as_id, row.acting_until = other.id, row.expires_at
        db.session.commit()
        return browser

    assert_gate(
        "impersonating",
        app,
        enter=enter,
        is_refused=lambda response: (
            response.status_code == 403
            and (NOT_WHILE in response.text or response.request.method == "HEAD")
        ),
        form_at="/",
    )


def test_the_gates_are_asked_in_this_order():
    """Users confirm their email first, because the other pages may depend on it."""
    core = [gate.name for gate in gatekeeper.in_order() if "features" not in gate.ask.__module__]
    assert core == ["unconfirmed", "must_change_password", "impersonating"]


def test_every_gate_is_tried_on_every_url():
    folders = (ROOT / "tests", ROOT / "app" / "features")
    texts = [path.read_text() for folder in folders for path in folder.rglob("test_*.py")]
    for gate in gatekeeper.in_order():
        call = re.compile(rf'assert_gate\(\s*"{gate.name}"')
        assert any(call.search(text) for text in texts), (
            f"Try the gate {gate.name!r} with assert_gate of tests/gates.py in a test of its own."
        )


@pytest.mark.parametrize("table", ["MARKS", "OPEN_TO"])
def test_the_openness_of_views_has_been_read_by_hand(app, table):
    found = openness(app, table)
    check_rows(set(found), table)
    wrong = {name: words for name, words in found.items() if rows(table)[name] != words}
    assert not wrong, f"Check that these may be open, then correct the rows of {table}: {wrong}."


def test_views_name_no_gate_that_may_be_missing(app):
    owners = {name: owner_of(one.ask.__module__) for name, one in gates.GATES.items()}
    wrong = [
        f"{endpoint} names {name}"
        for endpoint, view in app.view_functions.items()
        for name in getattr(view, "open_to", frozenset()) | getattr(view, "closed_to", frozenset())
        if owners[name] not in may_import(view.__module__) | {"core", "kit"}
    ]
    assert not wrong, (
        "Without the feature of the gate, the application does not start. Mark what the view does "
        "(app/kit/web/gates.py), or add the feature to `requires`."
    )


def test_a_new_gate_lets_users_sign_out_and_in_again(app, monkeypatch, make_user, enter):
    """It needs no change outside its feature."""
    monkeypatch.setattr(gates, "GATES", dict(gates.GATES))
    gates.gate("new", order=99, spares=gates.WAYS_OUT)(lambda: ("held back", 403))
    browser = enter(make_user())
    assert browser.get("/account/").text == "held back"
    assert browser.get("/account/reauthenticate").status_code == 200
    assert browser.submit("/account/logout", {}, form_at="/account/reauthenticate").location == "/"
    assert browser.get("/account/login").status_code == 200


def test_only_pages_for_development_are_open_as_a_whole(app):
    marked = {name for name, one in app.blueprints.items() if hasattr(one, "open_to")}
    assert marked <= {"dev"}, "Write @open_to on each view in place of the whole blueprint."


def test_a_view_that_names_an_unknown_gate_stops_the_start(monkeypatch):
    monkeypatch.setattr(views.index, "open_to", frozenset({"unconfirmd"}), raising=False)
    with pytest.raises(ConfigurationError, match=r"view main\.index names the gate 'unconfirmd'"):
        create_app("testing")


def test_an_unknown_url_is_an_error_page_for_everyone(make_user, enter):
    response = enter(make_user(confirmed=False)).get("/nowhere")
    assert response.status_code == 404


def test_monitors_are_answered_past_every_gate_by_any_host_name(app, make_user, enter):
    paths = gatekeeper.monitor_paths(app)
    assert "/healthz" in paths
    for path in paths:
        response = enter(make_user(confirmed=False)).get(path, headers={"Host": "10.0.0.1"})
        assert response.is_json


def test_gunicorn_answers_monitors_while_all_turns_wait(app):
    assert all(map(shedding.skips_line_in(app), gatekeeper.monitor_paths(app)))
