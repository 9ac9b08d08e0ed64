"""Programs create, change and delete roles."""

import itertools

import pytest

from app.extensions import db
from app.features.api.tests.programs import Call, admin_program, problem_of, program
from app.models import Permission, Role
from tests import factories
from tests.routes import MANAGERS

__all__ = ["admin_program", "program"]

ACCESS = {
    "api.create_role": Permission.MANAGE_ROLES,
    "api.get_role": MANAGERS,
    "api.change_role": Permission.MANAGE_ROLES,
    "api.delete_role": Permission.MANAGE_ROLES,
}
numbers = itertools.count()
EDITOR = {"name": "Editor", "permissions": ["general"]}


def on_role(method, path="/roles/{}", body=None, event=""):
    def send(program):
        role = factories.make_role(f"Reader {next(numbers)}", permissions=1)
        url = path.format(role.id, Role.get_default().id)
        return program.patch(url, body) if method == "PATCH" else program.call(method, url, body)

    return Call(send, event)


CALLS = {
    "api.create_role": Call(lambda program: program.post("/roles", EDITOR), event="role.created"),
    "api.get_role": on_role("GET"),
    "api.change_role": on_role("PATCH", body={"name": "Writer"}, event="role.changed"),
    "api.delete_role": on_role("DELETE", "/roles/{}?move_to={}", event="role.deleted"),
}


def test_a_role_is_created_changed_and_deleted(admin_program, make_user):
    made = admin_program.post("/roles", EDITOR)
    assert made.status_code == 201
    assert made.json == {
        "id": made.json["id"],
        "name": "Editor",
        "home": "account",
        "default": False,
        "permissions": ["general"],
    }
    path = made.headers["Location"]
    assert admin_program.get(path).json == made.json
    user = make_user(role="Editor")
    wider = admin_program.patch(path, {"permissions": ["general", "manage_jobs"]})
    assert wider.json["permissions"] == ["general", "manage_jobs"]
    late = admin_program.patch(path, {"name": "Late"}, If_Match=made.headers["ETag"])
    assert problem_of(late) == (412, "precondition-failed")
    default = Role.get_default()
    assert admin_program.delete(f"{path}?move_to={default.id}").status_code == 204
    db.session.refresh(user)
    assert user.role_id == default.id


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "user", "permissions": ["general"]}, (409, "name-taken")),
        ({"name": "", "permissions": ["general"]}, (422, "unprocessable-content")),
        ({"name": "A\u200bB", "permissions": ["general"]}, (422, "unprocessable-content")),
        ({"name": "Editor", "permissions": []}, (422, "unprocessable-content")),
        ({"name": "Editor", "permissions": ["everything"]}, (422, "unprocessable-content")),
        ({"name": "Editor", "permissions": 255}, (422, "unprocessable-content")),
        ({**EDITOR, "home": "nowhere"}, (422, "unprocessable-content")),
        ({**EDITOR, "default": "yes"}, (422, "unprocessable-content")),
        ({**EDITOR, "id": 1}, (422, "unprocessable-content")),
        (
            {"name": "Root", "permissions": ["administer"], "default": True},
            (409, "default-role"),
        ),
    ],
)
def test_an_invalid_role_is_refused(admin_program, body, expected):
    status, code = problem_of(admin_program.post("/roles", body))
    assert (status, code.replace("entity", "content")) == expected


def test_nobody_gives_a_permission_that_the_token_lacks(program, make_user):
    """AZ-4: the owner is an administrator, and the token is not."""
    scopes = Permission.MANAGE_ROLES | Permission.GENERAL
    limited = program(make_user(role="Administrator"), scopes=scopes)
    for names in (["manage_users"], ["administer"]):
        refused = limited.post("/roles", {"name": "More", "permissions": names})
        assert problem_of(refused) == (403, "insufficient-privileges")
    role = factories.make_role("More", permissions=Permission.MANAGE_USERS)
    assert problem_of(limited.patch(f"/roles/{role.id}", {"name": "Mine"}))[0] == 403
    default = Role.get_default()
    assert limited.delete(f"/roles/{role.id}?move_to={default.id}").status_code == 403


def test_a_role_that_users_need_is_kept(admin_program):
    default = Role.get_default()
    admin_role = admin_program.user.role
    for role, other, code in (
        (default, admin_role, (409, "default-role")),
        (admin_role, default, (409, "last-administrator")),
    ):
        answer = admin_program.delete(f"/roles/{role.id}?move_to={other.id}")
        assert problem_of(answer) == code
    for query in ("", "?move_to=x", f"?move_to={default.id}", "?move_to=999999"):
        assert admin_program.delete(f"/roles/{default.id}{query}").status_code == 422
