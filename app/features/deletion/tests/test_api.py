"""Programs delete users and restore them."""

from app.extensions import db
from app.features.api.tests.programs import admin_program, on_user, problem_of
from app.kit.database import now
from app.models import Permission, User

__all__ = ["admin_program"]

ACCESS = {
    "api.delete_user": Permission.MANAGE_USERS,
    "api.restore_user": Permission.MANAGE_USERS,
}
CALLS = {
    "api.delete_user": on_user("DELETE", "/users/{}", event="user.deleted"),
    "api.restore_user": on_user(
        "POST", "/users/{}/restore", event="user.restored", deleted_at=now()
    ),
}


def test_a_deleted_user_is_there_until_they_are_restored(admin_program, make_user):
    user = make_user()
    assert admin_program.delete(f"/users/{user.id}").status_code == 204
    assert admin_program.get(f"/users/{user.id}").json["status"] == "deleted"
    assert problem_of(admin_program.delete(f"/users/{user.id}")) == (409, "user-deleted")
    refused = admin_program.post(f"/users/{user.id}/suspend")
    assert problem_of(refused) == (409, "user-deleted")
    assert admin_program.post(f"/users/{user.id}/restore").json["status"] == "active"
    assert problem_of(admin_program.post(f"/users/{user.id}/restore"))[0] == 409


def test_nobody_deletes_themselves(admin_program, admin):
    assert problem_of(admin_program.delete(f"/users/{admin.id}")) == (409, "not-on-self")
    assert not db.session.get(User, admin.id).is_deleted
