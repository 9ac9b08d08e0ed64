"""Programs sign in with a password, ask who they are, and sign out."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.api import tokens
from app.features.api.models import ApiToken
from app.features.api.tests.programs import Program, problem_of
from app.features.api.tests.support import give_token
from app.kit.database import now
from app.kit.web.sign_in import second_steps
from app.kit.web.sign_in.second_steps import SecondStep
from app.models import AuditEvent, Permission
from tests.support import PASSWORD


@pytest.fixture
def anyone(app):
    return Program(app, None)


def sign_in(program, user, **values):
    return program.post("/tokens", {"email": user.email, "password": PASSWORD} | values)


def with_secret(app, secret):
    program = Program(app, None)
    program.headers["Authorization"] = f"Bearer {secret}"
    return program


def test_the_login_status_and_logout_of_a_program(app, anyone, make_user):
    user = make_user()
    made = sign_in(anyone, user, name="Phone")
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert (made.json["name"], made.json["kind"], made.json["access"]) == (
        *("Phone", "short_lived", "write"),
    )
    program = with_secret(app, made.json["token"])
    status = program.get("/status").json
    assert status["user"]["email"] == user.email
    assert status["token"]["id"] == made.json["id"]
    assert "token" not in status["token"]
    assert program.delete("/tokens/current").status_code == 204
    assert problem_of(program.get("/status")) == (401, "unauthorized")


def test_the_token_expires_soon(app, anyone, make_user):
    sign_in(anyone, make_user())
    token = db.session.scalars(select(ApiToken)).one()
    assert token.expires_at - token.created_at == pytest.approx(
        timedelta(minutes=app.config["API_SIGN_IN_MINUTES"]), abs=timedelta(seconds=5)
    )


def test_basic_authentication_signs_in_without_a_body(app, make_user):
    user = make_user()
    answer = app.test_client().post("/api/v1/tokens", auth=(user.email, PASSWORD))
    assert answer.status_code == 201
    assert tokens.find(answer.json["token"]).user.id == user.id


@pytest.mark.parametrize("body", [None, {}, {"email": "ada@example.com"}, {"password": "x"}])
def test_missing_credentials_are_asked_for(anyone, body):
    answer = anyone.post("/tokens", body)
    assert problem_of(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic //79/w=="])
def test_a_malformed_header_is_no_credential(anyone, header):
    answer = anyone.post("/tokens", Authorization=header)
    assert problem_of(answer)[0] == 401


@pytest.mark.parametrize("email", ["ada\0@example.com", "a" * 7_000])
@pytest.mark.parametrize("password", ["x", "x\0", "x" * 7_000])
def test_basic_authentication_takes_no_other_texts_than_a_body(app, email, password):
    answer = app.test_client().post("/api/v1/tokens", auth=(email, password))
    assert problem_of(answer) == (401, "wrong-credentials")


@pytest.mark.parametrize("state", [{"suspended": True}, {"deleted_at": now()}, {"invited": True}])
def test_every_refusal_is_the_same(anyone, make_user, state):
    user = make_user(**state)
    assert problem_of(sign_in(anyone, user)) == (401, "wrong-credentials")
    assert problem_of(sign_in(anyone, user, password="wrong")) == (401, "wrong-credentials")
    user.email = "nobody@example.com"
    assert problem_of(sign_in(anyone, user)) == (401, "wrong-credentials")


def test_an_unconfirmed_user_gets_no_token(anyone, make_user):
    assert problem_of(sign_in(anyone, make_user(confirmed=False))) == (403, "account-not-ready")
    assert db.session.scalars(select(ApiToken)).first() is None


def test_guesses_are_limited_and_recorded_as_on_the_page(anyone, make_user):
    user = make_user()
    for _ in range(10):
        assert sign_in(anyone, user, password="wrong").status_code == 401
    answer = sign_in(anyone, user)
    assert problem_of(answer) == (429, "too-many-requests")
    assert int(answer.headers["Retry-After"]) > 0
    actions = db.session.scalars(select(AuditEvent.action)).all()
    assert actions.count("session.refused") == 10
    assert "session.throttled" in actions


def test_a_token_has_what_the_user_may_and_no_more(app, anyone, make_user):
    made = sign_in(anyone, make_user(), access="read").json
    assert made["scopes"] == ["general"]
    assert tokens.find(made["token"]).scopes == Permission.GENERAL
    reader = with_secret(app, made["token"])
    assert problem_of(reader.patch("/me", {"first_name": "Eve"})) == (403, "insufficient-scope")
    assert reader.delete("/tokens/current").status_code == 204


def test_users_list_and_revoke_their_own_tokens(app, make_user):
    user, other = make_user(), make_user()
    foreign, own = give_token(other), give_token(user, name="Old")
    mine = Program(app, user)
    assert {one["name"] for one in mine.get("/tokens").json["items"]} == {"Old", "Test"}
    assert problem_of(mine.delete(f"/tokens/{foreign.token.id}")) == (404, "not-found")
    assert mine.delete(f"/tokens/{own.token.id}").status_code == 204
    assert [one["name"] for one in mine.get("/tokens").json["items"]] == ["Test"]


# The second step


@pytest.fixture
def asks_for_code(monkeypatch):
    """Let every user have a second step that takes the code 123456 once."""
    used = []

    def use_code(_user, code):
        used.append(code)
        return code == "123456" and used.count(code) == 1

    step = SecondStep("x", "Use a code", 10, True, lambda _user, _method: True, use_code)
    monkeypatch.setattr(second_steps, "_steps", [step])


def test_a_second_step_is_asked_for(asks_for_code, anyone, make_user):
    user = make_user()
    answer = sign_in(anyone, user)
    assert problem_of(answer) == (401, "second-factor-required")
    assert answer.json["errors"] == [{"pointer": "#/code", "detail": "Use a code"}]
    assert problem_of(sign_in(anyone, user, code="000000")) == (401, "second-factor-required")
    made = sign_in(anyone, user, code="123456")
    assert made.status_code == 201
    assert tokens.find(made.json["token"]).has_second_factor
    assert sign_in(anyone, user, code="123456").status_code == 401


def test_a_code_does_not_replace_the_password(asks_for_code, anyone, make_user):
    answer = sign_in(anyone, make_user(), password="wrong", code="123456")
    assert problem_of(answer) == (401, "wrong-credentials")


def test_a_step_without_codes_takes_a_browser(monkeypatch, anyone, make_user):
    step = SecondStep("x", "Use a passkey", 10, True, lambda _user, _method: True, None)
    monkeypatch.setattr(second_steps, "_steps", [step])
    answer = sign_in(anyone, make_user(), code="123456")
    assert problem_of(answer) == (401, "second-factor-in-browser")


def test_a_demand_closes_tokens_of_a_sign_in_without_it(monkeypatch, app, make_user):
    user = make_user()
    mine, user_id = Program(app, user), user.id
    monkeypatch.setattr(second_steps, "_demands", [lambda one: one.id == user_id])
    assert problem_of(mine.get("/me")) == (403, "account-not-ready")
    proved = give_token(user)
    proved.token.has_second_factor = True
    db.session.commit()
    assert with_secret(app, proved.secret).get("/me").status_code == 200


def test_a_program_signs_out_whatever_its_owner_has_to_do_first(monkeypatch, app, make_user):
    """A token that may do nothing else for now may leak all the same."""
    owners = [make_user(confirmed=False), make_user(must_change_password=True), make_user()]
    demanding = owners[-1].id
    monkeypatch.setattr(second_steps, "_demands", [lambda one: one.id == demanding])
    for user in owners:
        mine = Program(app, user)
        assert problem_of(mine.get("/me")) == (403, "account-not-ready")
        assert mine.delete("/tokens/current").status_code == 204
        assert problem_of(mine.get("/me")) == (401, "unauthorized")


def test_a_token_neither_sees_nor_revokes_wider_ones(app, admin):
    """A leaked token of few scopes must not tell the names of others, nor sign them out."""
    wide = give_token(admin, name="Wide").token
    reading = give_token(admin, name="Reading", access="read").token
    other = give_token(admin, name="Other", scopes=Permission.VIEW_AUDIT).token
    few = Permission.GENERAL | Permission.VIEW_AUDIT
    program = Program(app, admin, scopes=few)
    assert {one["name"] for one in program.get("/tokens").json["items"]} == {"Other", "Test"}
    for one in (wide, reading):
        assert problem_of(program.delete(f"/tokens/{one.id}")) == (404, "not-found")
    assert program.delete(f"/tokens/{other.id}").status_code == 204
    reader = Program(app, admin, access="read")
    for path in ("/tokens", f"/users/{admin.id}/tokens"):
        names = {one["name"] for one in reader.get(path).json["items"]}
        assert names == {"Reading", "Test"}
    everything = Program(app, admin)
    assert everything.delete(f"/tokens/{wide.id}").status_code == 204
