"""ETags: nobody overwrites a change that they have not read."""

from datetime import timedelta

import pytest

from app.extensions import db
from app.features.api.tests.programs import admin_program, problem_of
from app.features.api.web import description
from app.kit.database import now
from app.services import users
from tests.support import needs

__all__ = ["admin_program"]


def test_a_change_needs_the_etag_of_the_present_state(admin_program, admin):
    old = admin_program.get("/me").headers["ETag"]
    assert not old.startswith("W/")
    answer = admin_program.patch("/me", {"first_name": "Augusta"}, If_Match=old)
    assert answer.json["first_name"] == "Augusta"
    assert answer.headers["ETag"] not in {"", old}
    again = admin_program.patch("/me", {"first_name": "Grace"}, If_Match=old)
    assert problem_of(again) == (412, "precondition-failed")
    assert admin_program.get("/me", If_None_Match=answer.headers["ETag"]).status_code == 304
    gzipped = answer.headers["ETag"][:-1] + ':gzip"'
    assert admin_program.patch("/me", {"first_name": "Ada"}, If_Match=gzipped).status_code == 200


def test_a_change_between_reading_and_locking_is_noticed(admin_program, admin, monkeypatch):
    change_name = users.change_name

    def overtaken(user, **values):
        change_name(user, first_name="Overtaken", last_name="Lovelace", by=None)
        change_name(user, **values)

    monkeypatch.setattr(users, "change_name", overtaken)
    answer = admin_program.patch("/me", {"first_name": "Augusta"})
    assert problem_of(answer) == (412, "precondition-failed")
    assert admin.first_name == "Overtaken"


def test_a_request_of_the_user_is_no_change(admin_program, make_user):
    user = make_user()
    path = f"/users/{user.id}"
    old = admin_program.get(path).headers["ETag"]
    user.last_seen_at = now() + timedelta(minutes=1)
    db.session.commit()
    answer = admin_program.get(path, If_None_Match=old)
    assert answer.status_code == 200  # the representation is another one
    assert answer.headers["ETag"] != old
    changed = admin_program.patch(path, {"last_name": "Byron"}, If_Match=f'{old[:-1]}:gzip"')
    assert changed.json["last_name"] == "Byron"
    again = admin_program.patch(path, {"last_name": "King"}, If_Match=old)
    assert problem_of(again) == (412, "precondition-failed")


@needs("deletion")
def test_a_deletion_honours_the_etag(admin_program, make_user):
    path = f"/users/{make_user().id}"
    old = admin_program.get(path).headers["ETag"]
    admin_program.patch(path, {"first_name": "Augusta"})
    for one in (old, '"none"'):
        assert problem_of(admin_program.delete(path, If_Match=one)) == (412, "precondition-failed")
    now_there = admin_program.get(path).headers["ETag"]
    assert admin_program.delete(path, If_Match=now_there).status_code == 204


FAILED = (412, "precondition-failed")
# A shell sends such headers if a variable is empty.
WITHOUT_TAG = ("", '"', ",", '"a" "b"')


@pytest.mark.parametrize("value", WITHOUT_TAG)
def test_a_condition_without_a_tag_is_not_met(admin_program, make_user, value):
    path = f"/users/{make_user().id}"
    for action in ("suspend", "end-sessions"):
        assert problem_of(admin_program.post(f"{path}/{action}", If_Match=value)) == FAILED
    assert admin_program.get(path).json["status"] == "active"


def test_every_operation_on_a_user_honours_the_etag(admin_program, make_user):
    path = f"/users/{make_user().id}"
    for action in ("suspend", "end-sessions", "require-password-change", "send-reset-link"):
        answer = admin_program.post(f"{path}/{action}", If_Match='"earlier"')
        assert problem_of(answer) == FAILED, action
    tag = admin_program.get(path).headers["ETag"]
    assert admin_program.post(f"{path}/end-sessions", If_Match=tag).status_code == 204


def test_if_none_match_is_honoured_by_changes(admin_program, make_user):
    """RFC 9110, 13.1.2: the method is not performed if the present state has the tag."""
    path = f"/users/{make_user().id}"
    tag = admin_program.get(path).headers["ETag"]
    for one in (tag, f"W/{tag}", "*", f'"other", {tag}'):
        changed = admin_program.patch(path, {"first_name": "Eve"}, If_None_Match=one)
        assert problem_of(changed) == FAILED, one
        suspended = admin_program.post(f"{path}/suspend", If_None_Match=one)
        assert problem_of(suspended) == FAILED, one
    user = admin_program.get(path).json
    assert (user["first_name"], user["status"]) == ("Ada", "active")
    answer = admin_program.patch(path, {"first_name": "Augusta"}, If_None_Match='"other"')
    assert answer.status_code == 200


def test_reading_honours_if_match(admin_program):
    tag = admin_program.get("/me").headers["ETag"]
    assert admin_program.get("/me", If_Match=tag).status_code == 200
    assert problem_of(admin_program.get("/me", If_Match='"earlier"')) == FAILED


def test_an_operation_that_compares_nothing_refuses_if_match(admin_program):
    """RFC 9110, 13.2.2: no condition is ignored."""
    new = {"email": "new@example.com", "first_name": "Grace", "last_name": "Hopper"}
    new["password"] = "correct horse battery staple"
    assert problem_of(admin_program.post("/users", new, If_Match='"x"')) == FAILED
    assert problem_of(admin_program.delete("/tokens/current", If_Match='"x"')) == FAILED
    assert problem_of(admin_program.post("/users/1/nothing", If_Match='"x"'))[0] == 404
    assert admin_program.post("/users", new, If_Match="*").status_code == 201


def test_the_description_tells_which_operations_compare(app):
    paths = description.of(app)["paths"]
    for path, method in (
        ("/users/{user_id}", "delete"),
        ("/users/{user_id}/suspend", "post"),
        ("/users/{user_id}/picture", "delete"),
        ("/roles/{role_id}", "delete"),
        ("/webhooks/{webhook_id}", "delete"),
    ):
        found = paths.get(f"/api/v1{path}", {}).get(method)
        if found is None:  # of a feature that is off or was removed
            continue
        (header,) = [one for one in found["parameters"] if one.get("name") == "If-Match"]
        assert not header.get("required")
        assert "412" in found["responses"]
        assert "428" not in found["responses"]
    change = paths["/api/v1/users/{user_id}"]["patch"]
    assert [one["$ref"] for one in change["parameters"]] == ["#/components/parameters/IF_MATCH"]
