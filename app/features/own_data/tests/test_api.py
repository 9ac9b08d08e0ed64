"""The data of users in the API."""

from app.features.api.tests.programs import admin_program, on_user
from app.features.own_data import exports
from app.models import Permission

__all__ = ["admin_program"]

ACCESS = {"api.collect_user_data": Permission.MANAGE_USERS}
CALLS = {"api.collect_user_data": on_user("POST", "/users/{}/collect-data", event="data.asked")}


def test_a_program_asks_for_the_data_of_a_user(admin_program, make_user):
    user = make_user()
    assert admin_program.post(f"/users/{user.id}/collect-data").status_code == 204
    assert exports.of(user) is not None
