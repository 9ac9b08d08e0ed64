"""Registrations that wait for approval, in the API."""

from app.extensions import db
from app.features.api.tests.programs import Call, Program, admin_program, get, problem_of
from app.features.approval.models import RegistrationRequest
from app.models import Permission
from tests import factories

__all__ = ["admin_program"]

NAMES = ("list_registrations", "approve_registration", "refuse_registration")
ACCESS = {f"api.{name}": Permission.MANAGE_USERS for name in NAMES}


def waiting():
    user = factories.make_user()
    db.session.add(RegistrationRequest(user_id=user.id))
    db.session.commit()
    return user


def on_waiting(verb, body=None, *, event):
    path = "/users/{}/{}-registration"
    return Call(lambda program: program.post(path.format(waiting().id, verb), body), event)


CALLS = {
    "api.list_registrations": get("/registrations"),
    "api.approve_registration": on_waiting("approve", event="user.registration_approved"),
    "api.refuse_registration": on_waiting(
        "refuse", {"reason": "Not a member."}, event="user.registration_refused"
    ),
}


def test_a_program_approves_one_registration_and_refuses_another(admin_program):
    one, other = waiting(), waiting()
    listed = admin_program.get("/registrations").json["items"]
    assert [user["id"] for user in listed] == [one.id, other.id]
    path = f"/users/{one.id}/approve-registration"
    assert admin_program.post(path).json["status"] == "active"
    assert problem_of(admin_program.post(path))[0] == 409
    path = f"/users/{other.id}/refuse-registration"
    assert problem_of(admin_program.post(path, {"reason": " "}))[0] == 422
    answer = admin_program.post(path, {"reason": "Not a member."})
    assert (answer.json["status"], answer.json["suspended_reason"]) == (
        "suspended",
        "Not a member.",
    )
    assert admin_program.get("/registrations").json["items"] == []


def test_a_program_is_held_back_or_admitted_without_a_cookie(admin_program, app, monkeypatch):
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", True)
    user = waiting()
    assert problem_of(Program(app, user).get("/me")) == (403, "account-not-ready")
    answer = admin_program.get("/me")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers, "store no session for a program"
