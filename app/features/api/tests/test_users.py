"""Programs create and change users, by the rules of the pages."""

import re

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.api.tests.access import ACCESS
from app.features.api.tests.programs import admin_program, problem_of, program
from app.features.api.tests.support import give_token
from app.models import Permission, Role, User, UserSession
from app.services import sessions
from tests import factories
from tests.higher_users import higher_users, stored_of
from tests.routes import RULES
from tests.support import PASSWORD
from tests.world import NEW_PASSWORD, NEW_USER

__all__ = ["admin_program", "higher_users", "program"]

NEW = NEW_USER | {"password": NEW_PASSWORD}


def test_a_user_is_created_and_told(admin_program, outbox):
    editor = factories.make_role("Editor", permissions=1)
    made = admin_program.post("/users", NEW | {"role_id": editor.id})
    assert made.status_code == 201
    assert made.json["status"] == "active"
    assert made.json["role"] == {"id": editor.id, "name": "Editor"}
    assert NEW_PASSWORD not in made.text
    assert admin_program.get(made.headers["Location"]).headers["ETag"] == made.headers["ETag"]
    assert outbox.deliver()[-1]["To"] == "grace@example.com"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"email": "ADMIN@example.com"}, (409, "email-taken")),
        ({"password": "password"}, (422, "")),
        ({"password": None}, (422, "")),
        ({"role_id": 999_999}, (422, "")),
        ({"role_id": True}, (422, "")),
        ({"role_id": "1"}, (422, "")),
        ({"first_name": "www.example.com"}, (422, "")),
        ({"last_name": "a\u202eb"}, (422, "")),
        ({"last_name": "x" * 10_000}, (422, "")),
        ({"email": "nobody"}, (422, "")),
        ({"email": ["a@example.com"]}, (422, "")),
    ],
)
def test_an_invalid_user_is_refused(admin_program, change, expected):
    answer = admin_program.post("/users", NEW | change)
    status, code = problem_of(answer)
    assert status == expected[0]
    if expected[1]:
        assert code == expected[1]
    else:
        (name,) = change
        assert [one["pointer"] for one in answer.json["errors"]] == [f"#/{name}"]
    assert User.by_email("grace@example.com") is None


@pytest.mark.parametrize(
    "name",
    ["id", "role", "permissions", "confirmed", "status", "password_hash", "must_change_password"],
)
def test_fields_that_are_not_for_programs_are_refused(admin_program, make_user, name):
    """API3:2023, mass assignment."""
    user = make_user()
    before = stored_of([user])
    for answer in (
        admin_program.post("/users", NEW | {name: 1}),
        admin_program.patch(f"/users/{user.id}", {name: 1}),
        admin_program.patch("/me", {name: 1}),
    ):
        assert problem_of(answer)[0] == 422
        assert answer.json["errors"] == [{"pointer": f"#/{name}", "detail": "Unknown field."}]
    assert stored_of([user]) == before


def test_names_email_and_role_are_changed_one_at_a_time(admin_program, make_user, outbox):
    user, role = make_user(), factories.make_role("Editor", permissions=1)
    path = f"/users/{user.id}"
    assert admin_program.patch(path, {"first_name": "Grace"}).json["first_name"] == "Grace"
    assert admin_program.patch(path, {"email": "G@Example.com"}).json["email"] == "g@example.com"
    assert admin_program.patch(path, {"role_id": role.id}).json["role"]["name"] == "Editor"
    assert admin_program.patch(path, {}).status_code == 200
    both = admin_program.patch(path, {"email": "h@example.com", "role_id": role.id})
    assert problem_of(both) == (422, "one-change-at-a-time")
    taken = admin_program.patch(path, {"email": "admin@example.com"})
    assert problem_of(taken) == (409, "email-taken")
    assert len(outbox.deliver()) == 3


def test_a_change_needs_the_etag_of_the_present_state(admin_program, make_user):
    path = f"/users/{make_user().id}"
    old = admin_program.get(path).headers["ETag"]
    assert problem_of(admin_program.call("PATCH", path, {"first_name": "A"}))[0] == 428
    admin_program.patch(path, {"first_name": "Grace"})
    for answer in (
        admin_program.patch(path, {"first_name": "Ada"}, If_Match=old),
        admin_program.post(f"{path}/suspend", If_Match=old),
    ):
        assert problem_of(answer) == (412, "precondition-failed")
    assert admin_program.post(f"{path}/suspend").json["status"] == "suspended"


def test_actions_that_the_page_would_not_offer_are_refused(admin_program, admin, make_user):
    user = make_user()
    for action, body in (
        ("reactivate", None),
        ("confirm", None),
        ("resend-confirmation", None),
    ):
        answer = admin_program.post(f"/users/{user.id}/{action}", body)
        assert problem_of(answer) == (409, "wrong-state"), action
    for action in ("suspend", "require-password-change"):
        answer = admin_program.post(f"/users/{admin.id}/{action}")
        assert problem_of(answer) == (409, "not-on-self"), action
    own_role = admin_program.patch(f"/users/{admin.id}", {"role_id": Role.get_default().id})
    assert problem_of(own_role) == (409, "not-on-self")


def test_mails_are_limited(admin_program, make_user):
    path = f"/users/{make_user().id}/send-reset-link"
    answers = [admin_program.post(path) for _ in range(8)]
    assert answers[0].status_code == 200
    assert problem_of(answers[-1]) == (429, "too-many-mails")
    assert answers[-1].headers["Retry-After"] == "3600"


def test_confirming_keeps_the_password_only_if_asked(admin_program, make_user):
    for body, keeps in ((None, False), ({"keep_password": True}, True)):
        user = make_user(confirmed=False)
        assert admin_program.post(f"/users/{user.id}/confirm", body).status_code == 200
        assert (user.password_hash is not None) == keeps
    answer = admin_program.post(f"/users/{user.id}/confirm", {"keep_password": "true"})
    assert problem_of(answer)[0] == 422


def test_sessions_are_listed_and_ended(admin_program, make_user):
    user = make_user()
    for device in ("one", "two", "three"):
        sessions.start(user, remembered=False, address="192.0.2.1", device=device)
    path = f"/users/{user.id}"
    found = admin_program.get(f"{path}/sessions").json
    assert found["count"] == 3
    assert {one["ip_address"] for one in found["items"]} == {"192.0.2.1"}
    assert "token" not in str(found)
    first = found["items"][0]["id"]
    assert admin_program.delete(f"{path}/sessions/{first}").status_code == 204
    assert admin_program.get(f"{path}/sessions").json["count"] == 2
    assert admin_program.post(f"{path}/end-sessions").status_code == 204
    count = select(db.func.count()).select_from(UserSession).where(UserSession.user_id == user.id)
    assert db.session.scalar(count) == 0


def test_tokens_of_users_are_listed_and_revoked(admin_program, make_user):
    user, other = make_user(), make_user()
    first, foreign = give_token(user, name="First"), give_token(other)
    give_token(user, name="Second")
    path = f"/users/{user.id}"
    found = admin_program.get(f"{path}/tokens")
    assert [one["name"] for one in found.json["items"]] == ["Second", "First"]
    assert "secret" not in found.text
    gone = admin_program.delete(f"{path}/tokens/{foreign.token.id}")
    assert problem_of(gone) == (404, "not-found")
    assert admin_program.delete(f"{path}/tokens/{first.token.id}").status_code == 204
    assert admin_program.post(f"{path}/revoke-tokens").status_code == 204
    assert admin_program.get(f"{path}/tokens").json["count"] == 0
    again = admin_program.post(f"{path}/revoke-tokens")
    assert problem_of(again) == (409, "wrong-state")
    assert foreign.token.state == "active"


def test_a_session_of_another_user_is_not_ended(admin_program, make_user):
    """API1:2023, by object."""
    one, other = make_user(), make_user()
    sessions.start(other, remembered=False, address="", device="")
    row = db.session.scalars(select(UserSession).where(UserSession.user_id == other.id)).one()
    admin_program.delete(f"/users/{one.id}/sessions/{row.id}")
    assert db.session.get(UserSession, row.id) is not None


def test_no_operation_reaches_higher_users(program, make_user, higher_users):
    """API1 and API5:2023: as those of the pages, whatever the state of the account."""
    manager = make_user()
    manager.role = factories.make_role("Managers", Permission.MANAGE_USERS | Permission.GENERAL)
    db.session.commit()
    admin = make_user(role="Administrator")
    scopes = Permission.MANAGE_USERS | Permission.GENERAL
    before = stored_of(higher_users)
    for caller in (program(manager), program(admin, scopes=scopes)):
        for rule in RULES:
            if not rule.endpoint.startswith("api.") or "user_id" not in rule.arguments:
                continue
            for method in rule.methods & {"POST", "PATCH", "PUT", "DELETE"}:
                for person in higher_users:
                    path = str(rule).replace("<int:user_id>", str(person.id))
                    path = re.sub(r"<int:\w+>", "1", path)
                    body = {"first_name": "Taken"} if method == "PATCH" else None
                    answer = caller.call(method, path, body, If_Match="*")
                    # Features answer 404 if their list lacks the user, and 422 without a reason.
                    refused = {403} if rule.endpoint in ACCESS else {403, 404, 422}
                    assert answer.status_code in refused, (method, path, answer.text)
    assert stored_of(higher_users) == before


def test_a_token_gives_no_role_above_it(program, make_user):
    admin = make_user(role="Administrator")
    limited = program(admin, scopes=Permission.MANAGE_USERS | Permission.GENERAL)
    user = make_user()
    for answer in (
        limited.patch(f"/users/{user.id}", {"role_id": admin.role_id}),
        limited.post("/users", NEW | {"role_id": admin.role_id}),
    ):
        assert problem_of(answer) == (403, "insufficient-privileges")


def test_secrets_are_in_no_answer(admin_program, make_user):
    user = make_user()
    for path in ("/users", f"/users/{user.id}", "/me", "/roles"):
        text = admin_program.get(path).text
        assert user.password_hash not in text
        assert PASSWORD not in text
        assert "hash" not in text
