"""Imports of users in the API."""

import io

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.api.tests.programs import Call, admin_program, get, problem_of, program
from app.features.imports import PEOPLE
from app.features.imports.models import PeopleImport
from app.kit import imports
from app.kit.database import now
from app.kit.imports import ImportState
from app.models import AuditEvent, Permission, Role, User
from tests import factories

__all__ = ["admin_program", "program"]

PATH = "/imports"
NAMES = ("check_import", "get_import", "start_import", "continue_import", "stop_import")
MORE = ("list_imports", "list_import_problems", "delete_import")
ACCESS = {f"api.{name}": Permission.MANAGE_USERS for name in NAMES + MORE}
FILE = "Email,First name,Last name,Role\ngrace@example.com,Grace,Hopper,{}\n"
SCOPES = Permission.GENERAL | Permission.MANAGE_USERS


def send(program, text, query="?mode=create", **values):
    values = values or {"data": text.encode(), "content_type": "text/csv"}
    path = f"/api/v1{PATH}{query}"
    return program.client.post(path, headers=program.headers, **values)


def checked(by, role="User", **state):
    found = db.session.scalars(select(Role).filter_by(name=role)).one()
    row = imports.upload(PEOPLE, io.BytesIO(FILE.format(role).encode()), name="x.csv", by=by)
    chosen = {"mode": "create", "update_existing": False, "role_id": found.id}
    imports.choose(row, mapping=row.mapping, has_header=True, by=by, **chosen)
    for name, value in state.items():
        setattr(row, name, value)
    db.session.commit()
    return row.id


def on_import(method, path="", body=None, *, event="", **state):
    def call(program):
        import_id = checked(program.user or factories.make_user(role="Administrator"), **state)
        return program.call(method, f"{PATH}/{import_id}{path}", body)

    return Call(call, event)


CALLS = {
    "api.list_imports": get(PATH),
    "api.check_import": Call(
        lambda program: send(program, FILE.format("")),
        without_event="a file that nothing is done with yet",
    ),
    "api.get_import": on_import("GET"),
    "api.list_import_problems": on_import("GET", "/problems"),
    "api.start_import": on_import("POST", "/start", {}, event="import.started"),
    "api.continue_import": on_import(
        "POST",
        "/continue",
        event="import.started",
        state=ImportState.CANCELLED,
        started_at=now(),
    ),
    "api.stop_import": on_import(
        "POST", "/stop", event="import.cancelled", state=ImportState.RUNNING, started_at=now()
    ),
    "api.delete_import": on_import("DELETE", event="import.deleted"),
}


def test_a_program_checks_and_imports_a_file(admin_program):
    answer = send(admin_program, FILE.format("User"))
    assert answer.status_code == 202, answer.text
    where = answer.headers["Location"]
    assert (answer.json["state"], answer.json["counts"]) == ("checked", {"created": 1})
    assert User.by_email("grace@example.com") is None
    answer = admin_program.post(f"{where}/start")
    assert (answer.status_code, answer.headers["Location"]) == (202, where)
    assert admin_program.get(where).json["state"] == "finished"
    assert User.by_email("grace@example.com").first_name == "Grace"
    events = db.session.scalars(select(AuditEvent).filter_by(subject_label="grace@example.com"))
    assert [(one.action, one.details["token"]) for one in events] == [("user.created", "Test")]
    (listed,) = admin_program.get(PATH).json["items"]
    assert listed["state"] == "finished"
    assert problem_of(admin_program.post(f"{where}/start")) == (409, "operation-changed")
    assert admin_program.delete(where).status_code == 204


def test_a_file_may_be_part_of_a_form(admin_program):
    file = (io.BytesIO(FILE.format("").encode()), "people.csv")
    answer = send(admin_program, "", data={"file": file})
    assert answer.json["file_name"] == "people.csv"


def as_form(text):
    """Return a form with a file, in bytes: the test client would leave a temporary file open."""
    head = 'Content-Disposition: form-data; name="file"; filename="people.csv"'
    body = f"--x\r\n{head}\r\nContent-Type: text/csv\r\n\r\n{text}\r\n--x--\r\n"
    return {"data": body.encode(), "content_type": "multipart/form-data; boundary=x"}


def test_another_file_is_another_request(admin_program):
    """A form has no body left once it has been read, so all files had the same hash."""
    admin_program.headers["Idempotency-Key"] = "once"
    first, again = (send(admin_program, "", **as_form(FILE.format(""))) for _ in range(2))
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    other = send(admin_program, "", **as_form(FILE.format("User")))
    assert problem_of(other) == (422, "idempotency-key-reused")
    assert admin_program.get(PATH).json["count"] == 1


def test_a_program_sends_a_file_as_large_as_the_page_takes(app, admin, make_user, program):
    """A megabyte was the limit. Others still send no more."""
    large = FILE.format("") + f"{' ' * 60_000}\n" * (app.config["MAX_CONTENT_LENGTH"] // 60_000 + 1)
    answer = send(program(admin), "", **as_form(large))
    assert answer.status_code == 202, answer.text
    reader = program(admin, access="read")
    for other in (program(None), program(make_user()), reader):
        assert problem_of(send(other, "", **as_form(large))) == (413, "content-too-large")
    assert problem_of(send(program(admin), large)) == (413, "content-too-large")


def test_problems_are_listed_by_line_and_good_lines_may_be_kept(admin_program):
    answer = send(admin_program, FILE.format("User") + "nobody,Ada,Lovelace,King\n")
    where = answer.headers["Location"]
    problems = admin_program.get(f"{where}/problems").json["items"]
    assert {(one["line"], one["field"]) for one in problems} == {(3, "email"), (3, "role")}
    assert problem_of(admin_program.post(f"{where}/start", {}))[0] == 409
    answer = admin_program.post(f"{where}/start", {"keep_good": True})
    assert answer.json["counts"]["created"] == 1


@pytest.mark.parametrize(
    ("text", "query", "status"),
    [
        ("", "", 422),
        ("Color\nred\n", "", 422),
        (FILE, "?mode=erase", 422),
        (FILE, "?role_id=999", 422),
        (FILE, "?color=red", 422),
    ],
)
def test_unreadable_files_are_refused(admin_program, text, query, status):
    assert problem_of(send(admin_program, text, query))[0] == status


def test_a_body_that_is_no_file_is_refused(admin_program):
    assert problem_of(admin_program.post(PATH, {}))[0] == 415


def test_an_unstarted_import_of_another_user_is_not_found(admin_program, make_user):
    path = f"{PATH}/{checked(make_user(role='Administrator'))}"
    assert problem_of(admin_program.get(path)) == (404, "not-found")
    assert problem_of(admin_program.get(f"{path}/problems")) == (404, "not-found")
    assert admin_program.get(PATH).json["items"] == []


def test_an_import_is_held_to_the_scopes_of_the_token(program, admin):
    """Even if the owner checked the file on the page, with all permissions."""
    import_id = checked(admin, "Administrator")
    program(admin, scopes=SCOPES).post(f"{PATH}/{import_id}/start", {"keep_good": True})
    db.session.expire_all()
    assert User.by_email("grace@example.com") is None


def test_a_job_holds_an_import_to_the_scopes(admin):
    import_id = checked(admin, "Administrator")
    row = db.session.get_one(PeopleImport, import_id)
    row.state = ImportState.RUNNING
    row.provenance = row.provenance | {"token": "Script", "scopes": int(SCOPES)}
    row.started_at = now()
    db.session.commit()
    db.session.remove()
    imports.work(PeopleImport, import_id)
    assert User.by_email("grace@example.com") is None
