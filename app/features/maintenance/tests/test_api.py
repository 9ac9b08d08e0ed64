"""Maintenance in the API."""

from datetime import timedelta

from app.features.api.tests.programs import Call, Program, admin_program, get, problem_of
from app.features.maintenance import site_mode
from app.features.maintenance.models import SiteMode, SiteState
from app.features.maintenance.tests.access import FORM
from app.kit.database import now
from app.models import Permission
from tests.support import PASSWORD

__all__ = ["admin_program"]

PATH = "/maintenance"
ACCESS = dict.fromkeys(("api.get_maintenance", "api.change_maintenance"), Permission.ADMINISTER)
OPEN_TO = dict.fromkeys(ACCESS, "maintenance")
CALLS = {
    "api.get_maintenance": get(PATH),
    "api.change_maintenance": Call(
        lambda program: program.patch(PATH, FORM), "maintenance.changed"
    ),
}


def test_programs_are_refused_also_with_a_token_of_an_administrator(admin_program, put):
    put(SiteMode.CLOSED, "Soon")
    answer = admin_program.get("/me")
    assert problem_of(answer) == (503, "maintenance")
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Retry-After"] == "300"
    assert answer.json["detail"] == "The site is closed for maintenance. Soon"

    put(SiteMode.READ_ONLY)
    assert admin_program.get("/me").status_code == 200
    answer = admin_program.post("/users", {})
    assert problem_of(answer) == (503, "maintenance")
    assert answer.headers["Retry-After"] == "300"


def test_a_program_closes_the_site_and_opens_it_again(app, admin_program, admin, client):
    assert admin_program.get(PATH).json == {"mode": "off", "message": "", "until": None}
    until = now() + timedelta(minutes=10)
    values = {"mode": "closed", "message": "Soon", "until": until.isoformat()}
    closed = admin_program.patch(PATH, values)
    assert (closed.status_code, closed.json["mode"]) == (200, "closed")
    assert client.get("/").status_code == 503
    assert problem_of(admin_program.get("/me")) == (503, "maintenance")

    # A program that begins now can sign in, and open the site.
    late = Program(app, None)
    given = late.post("/tokens", {"email": admin.email, "password": PASSWORD}).json
    late.headers["Authorization"] = f"Bearer {given['token']}"
    assert late.patch(PATH, {"mode": "read-only"}).json["message"] == "Soon"
    assert late.patch(PATH, {"mode": "off"}).json == {
        "mode": "off",
        "message": "Soon",
        "until": None,
    }
    assert client.get("/").status_code == 200


def test_a_change_of_the_mode_needs_the_last_state_and_a_time_to_come(admin_program):
    old = admin_program.get(PATH).headers["ETag"]
    assert problem_of(admin_program.call("PATCH", PATH, {"mode": "closed"}))[0] == 428
    admin_program.patch(PATH, {"message": "Soon"})
    late = admin_program.patch(PATH, {"mode": "closed"}, If_Match=old)
    assert problem_of(late) == (412, "precondition-failed")
    past = {"mode": "read-only", "until": "2020-01-01T10:00:00Z"}
    for wrong in (past, {"mode": "shut"}, {"mode": "closed", "message": "x" * 501}):
        assert problem_of(admin_program.patch(PATH, wrong))[0] == 422
    assert site_mode.stored() == SiteState(SiteMode.OFF, "Soon")


def test_a_change_between_reading_and_locking_is_noticed(admin_program, monkeypatch):
    change = site_mode.change

    def overtaken(wanted, **values):
        change(SiteState(SiteMode.READ_ONLY), by=None)
        return change(wanted, **values)

    monkeypatch.setattr(site_mode, "change", overtaken)
    answer = admin_program.patch(PATH, {"mode": "closed"})
    assert problem_of(answer) == (412, "precondition-failed")
    assert site_mode.stored().mode is SiteMode.READ_ONLY
