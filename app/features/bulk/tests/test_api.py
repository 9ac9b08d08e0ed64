"""Bulk changes of users in the API."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features import bulk
from app.features.api import tokens
from app.features.api.tests.programs import Call, admin_program, get, problem_of, program
from app.features.api.tests.support import give_token
from app.features.bulk.models import BulkOperation
from app.kit.operations import OperationState
from app.models import AuditEvent, Permission, User
from app.services import users
from tests import factories

__all__ = ["admin_program", "program"]

VERBS = ("get", "results_of", "preview", "start", "continue", "stop")
ACCESS = {f"api.{verb}_bulk_operation": Permission.MANAGE_USERS for verb in VERBS}
ACCESS["api.list_bulk_operations"] = Permission.MANAGE_USERS
PATH = "/bulk-operations"


def previewed(by, *users, state=OperationState.PREVIEW, action="suspend"):
    ids = [user.id for user in users or [factories.make_user()]]
    operation = bulk.preview(action, by=by or factories.make_user(), user_ids=ids)
    operation.state = state
    db.session.commit()
    return operation.id


def on_operation(method, path="", body=None, *, event="", state=OperationState.PREVIEW):
    def send(program):
        operation_id = previewed(program.user, state=state)
        if program.token:
            operation = db.session.get_one(BulkOperation, operation_id)
            operation.parameters = {"scopes": program.token.scopes}
            db.session.commit()
        return program.call(method, f"{PATH}/{operation_id}{path}", body)

    return Call(send, event)


def preview_of_one(program):
    body = {"action": "suspend", "user_ids": [factories.make_user().id]}
    return program.post(PATH, body)


CALLS = {
    "api.list_bulk_operations": get(PATH),
    "api.preview_bulk_operation": Call(preview_of_one, without_event="a preview"),
    "api.get_bulk_operation": on_operation("GET"),
    "api.results_of_bulk_operation": on_operation("GET", "/results"),
    "api.start_bulk_operation": on_operation("POST", "/start", {}, event="bulk.confirmed"),
    "api.continue_bulk_operation": on_operation(
        "POST", "/continue", event="bulk.continued", state=OperationState.CANCELLED
    ),
    "api.stop_bulk_operation": on_operation(
        "POST", "/stop", event="bulk.stopped", state=OperationState.QUEUED
    ),
}


def test_a_program_reads_the_result_of_each_row(admin_program, admin, make_user):
    people = [make_user() for _ in range(3)]
    ids = [one.id for one in people]
    operation_id = previewed(admin, admin, *people)
    path = f"{PATH}/{operation_id}"
    rows = admin_program.get(f"{path}/results").json
    assert (rows["count"], rows["count_is"], rows["next"], rows["prev"]) == (4, "exact", None, None)
    left_out = {"id": admin.id, "result": "left_out", "reason": "This is your own account"}
    waiting = [{"id": one, "result": "to_do", "reason": ""} for one in ids]
    assert rows["items"] == [left_out, *waiting]

    assert admin_program.post(f"{path}/start", {}).status_code == 202
    first = admin_program.get(f"{path}/results?limit=2")
    assert first.json["items"] == [left_out, {"id": ids[0], "result": "done", "reason": ""}]
    assert f'<{first.json["next"]}>; rel="next"' in first.headers["Link"]
    second = admin_program.get(first.json["next"].partition("localhost")[2]).json
    assert [one["id"] for one in second["items"]] == ids[1:]
    assert second["next"] is None
    back = admin_program.get(second["prev"].partition("localhost")[2]).json
    assert back["items"] == first.json["items"]
    assert (back["next"], back["prev"]) == (first.json["next"], None)

    assert admin_program.get(f"{path}/results?result=left_out").json["items"] == [left_out]
    assert admin_program.get(f"{path}/results?result=to_do").json["items"] == []
    for wrong in (
        "limit=0",
        "limit=101",
        "limit=1_0",
        "limit=%D9%A1",
        "limit=%2B1",
        "limit=1&limit=2",
        "cursor=x",
        "result=other",
        "page=2",
    ):
        assert problem_of(admin_program.get(f"{path}/results?{wrong}"))[0] == 422, wrong


def test_a_program_runs_a_bulk_change_to_its_end(admin_program, make_user):
    users = [make_user() for _ in range(3)]
    ids = [user.id for user in users]
    answer = admin_program.post(PATH, {"action": "suspend", "user_ids": [*ids, 2**31 - 1]})
    assert answer.status_code == 201
    assert (answer.json["state"], answer.json["total"], answer.json["to_do"]) == ("preview", 4, 3)
    assert answer.json["left_out"] == {"gone": 1}
    where = answer.headers["Location"]
    assert not users[0].is_suspended
    answer = admin_program.post(f"{where}/start", {"reason": "Spam", "notify": False})
    assert (answer.status_code, answer.headers["Location"]) == (202, where)
    done = admin_program.get(where).json
    assert (done["state"], done["done"]) == ("finished", 3)
    assert all(db.session.get_one(User, user_id).is_suspended for user_id in ids)
    events = db.session.scalars(select(AuditEvent).filter_by(action="user.suspended")).all()
    assert {event.details["token"] for event in events} == {"Test"}
    assert {event.details["reason"] for event in events} == {"Spam"}
    (listed,) = admin_program.get(PATH).json["items"]
    assert listed == done
    again = admin_program.post(f"{where}/start", {})
    assert problem_of(again) == (409, "operation-changed")


def test_a_program_chooses_users_by_the_filter_of_the_list(admin_program, make_user):
    make_user(email="grace@example.com")
    make_user()
    body = {"action": "end_sessions", "filter": {"search": "grace@example.com"}}
    assert admin_program.post(PATH, body).json["total"] == 1
    answer = admin_program.post(PATH, {"action": "end_sessions", "filter": {}})
    assert answer.json["total"] == 3


def test_a_role_is_given_to_many(admin_program, make_user):
    role, user = factories.make_role("Editor"), make_user()
    body = {"action": "change_role", "user_ids": [user.id], "role_id": role.id}
    where = admin_program.post(PATH, body).headers["Location"]
    admin_program.post(f"{where}/start", {})
    assert db.session.get_one(User, user.id).role is role


def test_values_that_make_no_sense_are_refused(admin_program, make_user):
    one = make_user().id
    for body, field in (
        ({"user_ids": [one]}, "action"),
        ({"action": "erase", "user_ids": [one]}, "action"),
        ({"action": "suspend"}, "user_ids"),
        ({"action": "suspend", "user_ids": [one], "filter": {}}, "user_ids"),
        ({"action": "suspend", "user_ids": []}, "user_ids"),
        ({"action": "suspend", "user_ids": ["1"]}, "user_ids/0"),
        ({"action": "suspend", "user_ids": [2**31]}, "user_ids/0"),
        ({"action": "suspend", "user_ids": [one], "role_id": 1}, "role_id"),
        ({"action": "change_role", "user_ids": [one]}, "role_id"),
        ({"action": "suspend", "filter": {"name": "x"}}, "filter/name"),
    ):
        answer = admin_program.post(PATH, body)
        assert problem_of(answer)[0] == 422, body
        assert [each["pointer"] for each in answer.json["errors"]] == [f"#/{field}"], body
    for body, code in (
        ({"action": "suspend", "filter": {"status": "odd"}}, "bad-filter"),
        ({"action": "suspend", "filter": {"search": "nobody"}}, "nothing-chosen"),
        ({"action": "change_role", "user_ids": [one], "role_id": 999}, "bad-role"),
    ):
        assert problem_of(admin_program.post(PATH, body)) == (422, code)


def test_a_preview_of_another_user_is_not_found(admin_program, make_user):
    other = make_user(role="Administrator")
    path = f"{PATH}/{previewed(other)}"
    for answer in (admin_program.get(path), admin_program.post(f"{path}/start", {})):
        assert problem_of(answer) == (404, "not-found")


@pytest.mark.parametrize("is_started_by_token", [True, False])
def test_a_bulk_change_is_held_to_the_scopes_of_the_token(
    program, admin, make_user, is_started_by_token
):
    """Even if the owner made the preview on the page, with all permissions."""
    above, below = make_user(role="Administrator"), make_user()
    operation_id = previewed(admin, above, below)
    limited = program(admin, scopes=Permission.GENERAL | Permission.MANAGE_USERS)
    if is_started_by_token:
        answer = limited.post(f"{PATH}/{operation_id}/start", {})
        assert answer.json["left_out"] == {"above": 1}
    else:
        operation = db.session.get_one(BulkOperation, operation_id)
        bulk.confirm(operation, by=admin)
        operation.state = OperationState.CANCELLED
        db.session.commit()
        answer = limited.post(f"{PATH}/{operation_id}/continue")
        assert problem_of(answer)[0] == 403
    db.session.expire_all()
    assert db.session.get_one(User, above.id).suspended_at is None
    assert bool(db.session.get_one(User, below.id).suspended_at) == is_started_by_token


def test_a_job_holds_a_bulk_change_to_the_scopes(program, admin, make_user):
    operation_id = previewed(admin, make_user(role="Administrator"), make_user())
    operation = db.session.get_one(BulkOperation, operation_id)
    admin.scopes, admin.token_name = int(Permission.GENERAL | Permission.MANAGE_USERS), "Script"
    bulk.confirm(operation, by=admin)
    db.session.commit()
    db.session.remove()
    bulk.run(operation_id)
    done = db.session.get_one(BulkOperation, operation_id)
    assert (done.done, done.left_out) == (1, {"above": 1})


def test_a_job_stops_with_its_owner_and_outlives_its_token(admin_program, make_user):
    """A program may sign out when it has started a bulk change."""
    owner = make_user(role="Administrator")
    for is_suspended in (False, True):
        operation_id = previewed(owner, make_user(), make_user())
        operation = db.session.get_one(BulkOperation, operation_id)
        token = give_token(owner).token
        owner.scopes, owner.token_name = token.scopes, token.name
        bulk.confirm(operation, by=owner)
        owner.scopes, owner.token_name = None, ""
        tokens.revoke(token, by=owner)
        if is_suspended:
            users.suspend(owner, by=admin_program.user)
        db.session.expire_all()
        bulk.run(operation_id)
        done = db.session.get_one(BulkOperation, operation_id)
        outcome = (OperationState.STOPPED, "actor_gone", 0) if is_suspended else ("finished", "", 2)
        assert (done.state, done.stop_reason, done.done) == outcome
