"""Two-factor authentication of users and roles in the API."""

from app.features.api.tests.programs import Call, Program, admin_program, problem_of
from app.features.two_factor.tests.support import RECOVERY_CODE, enable
from app.kit import queue
from app.models import Permission
from tests import factories
from tests.support import PASSWORD

__all__ = ["admin_program"]

ACCESS = {
    "api.reset_two_factor": Permission.MANAGE_USERS,
    "api.demand_two_factor": Permission.MANAGE_ROLES,
    "api.get_two_factor_demand": Permission.MANAGE_ROLES,
}
RESET = "/users/{}/reset-two-factor"


def reset(program):
    return program.post(RESET.format(enable(factories.make_user()).id))


def path_of_role():
    name = f"Plain {factories.make_user().id}"
    return f"/roles/{factories.make_role(name, index='account').id}/two-factor"


def demand(program):
    return program.call("PUT", path_of_role(), {"is_demanded": True})


def read_demand(program):
    return program.get(path_of_role())


CALLS = {
    "api.reset_two_factor": Call(reset, "two_factor.reset"),
    "api.demand_two_factor": Call(demand, "two_factor.demanded"),
    "api.get_two_factor_demand": Call(read_demand),
}


def test_a_user_without_a_second_factor_has_none_to_reset(admin_program):
    assert reset(admin_program).status_code == 204
    answer = admin_program.post(RESET.format(factories.make_user().id))
    assert problem_of(answer)[0] == 409


def test_a_role_demands_a_second_factor_and_no_longer(admin_program):
    answer = demand(admin_program)
    assert answer.json["is_demanded"]
    path = f"/roles/{answer.json['role_id']}/two-factor"
    assert admin_program.get(path).json == answer.json
    assert problem_of(admin_program.call("PUT", path, {}))[0] == 422
    again = admin_program.call("PUT", path, {"is_demanded": False})
    assert again.json == answer.json | {"is_demanded": False}


def test_the_mail_about_a_recovery_code_of_a_program_is_sent_at_once(app, make_user, monkeypatch):
    """It waited a minute for the sweep of the worker, and a thief had this minute."""
    user = enable(make_user())
    queued: list[str] = []
    monkeypatch.setattr(queue, "enqueue", queued.append)
    body = {"email": user.email, "password": PASSWORD, "code": RECOVERY_CODE}
    assert Program(app, None).post("/tokens", body).status_code == 201
    assert "drain_outbox" in queued
