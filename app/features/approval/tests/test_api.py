"""Registrations that wait for approval, in the API."""

from sqlalchemy import select

from app.extensions import db
from app.features.api.tests.bulk_calls import BulkCalls
from app.features.api.tests.programs import Call, Program, admin_program, get, problem_of
from app.features.approval.models import RegistrationRequest
from app.kit import operations
from app.kit.operations import kinds
from app.kit.operations.tasks import run_table_operation
from app.models import AuditEvent, Permission, User
from tests import factories

__all__ = ["admin_program"]

NAMES = ("list_registrations", "approve_registration", "refuse_registration")
ACCESS = {f"api.{name}": Permission.MANAGE_USERS for name in NAMES}


def waiting(**values):
    user = factories.make_user(**values)
    db.session.add(RegistrationRequest(user_id=user.id))
    db.session.commit()
    return user


def on_waiting(verb, body=None, *, event):
    path = "/users/{}/{}-registration"
    return Call(lambda program: program.post(path.format(waiting().id, verb), body), event)


REASON = {"reason": "Not a member."}
BULK = BulkCalls(
    "admin.registrations", "/registrations", "refuse", lambda: waiting().id, values=REASON
)
ACCESS |= BULK.access(Permission.MANAGE_USERS)
CALLS = {
    **BULK.calls("user.registration_refused"),
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


def test_a_program_refuses_many_registrations_with_a_reason(admin_program):
    one, other = waiting().id, waiting().id
    answer = BULK.preview(admin_program, one, other, 2**31 - 1)
    assert (answer.status_code, answer.json["to_do"]) == (201, 2)
    assert answer.json["left_out"] == {"gone": 1}
    where = answer.headers["Location"]
    for body, field in (({}, "reason"), ({"reason": 1}, "reason"), ({"x": 1}, "x")):
        wrong = admin_program.post(f"{where}/start", body)
        assert problem_of(wrong) == (422, "unprocessable-content"), body
        assert field in {error["pointer"].removeprefix("#/") for error in wrong.json["errors"]}
    done = admin_program.post(f"{where}/start", REASON)
    assert (done.status_code, done.headers["Location"]) == (202, where)
    assert (done.json["state"], done.json["done"]) == ("finished", 2)
    assert db.session.get_one(User, one).suspended_reason == "Not a member."
    events = db.session.scalars(select(AuditEvent).filter_by(action="user.registration_refused"))
    assert {event.details["token"] for event in events} == {"Test"}
    assert admin_program.get("/registrations/bulk-operations").json["items"] == [done.json]
    assert problem_of(admin_program.post(f"{where}/start", {"reason": "x"}))[0] == 409


def test_rows_are_chosen_by_the_filter_of_the_list(admin_program):
    waiting(first_name="Grace")
    waiting()
    path = "/registrations/bulk-operations"
    for given, count in (({"search": "grace"}, 1), ({}, 2)):
        answer = admin_program.post(path, {"action": "approve", "filter": given})
        assert answer.json["total"] == count
    for body, field in (
        ({"action": "approve"}, "ids"),
        ({"action": "approve", "ids": [1], "filter": {}}, "ids"),
        ({"action": "erase", "ids": [1]}, "action"),
        ({"action": "approve", "filter": {"color": "red"}}, "filter/color"),
    ):
        answer = admin_program.post(path, body)
        assert [error["pointer"] for error in answer.json["errors"]] == [f"#/{field}"], body


def test_a_bulk_action_has_the_scopes_of_the_token_that_started_it(app, admin):
    """Also in the worker, and although the owner's page would allow more."""
    above, below = waiting(role="Administrator").id, waiting().id
    limited = Program(app, admin, scopes=Permission.GENERAL | Permission.MANAGE_USERS)
    kind = kinds.named("admin.registrations")
    operation = kind.preview("approve", by=admin, ids=[above, below])
    where = f"/registrations/bulk-operations/{operation.id}"
    assert Program(app, admin).get(where).json["to_do"] == 2
    limits = {"scopes": limited.token.scopes, "token_name": limited.token.name}
    vars(admin).update(limits)
    operations.confirm(operation, by=admin)
    db.session.remove()
    run_table_operation(operation.id)
    done = limited.get(where).json
    assert done["left_out"] == {"Has permissions that you lack": 1}
    assert done["done"] == 1
    other = Program(app, factories.make_user(role="Administrator"))
    assert problem_of(other.post(f"{where}/continue"))[0] in {403, 409}
