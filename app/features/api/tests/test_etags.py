"""ETags: nobody overwrites a change that they have not read."""

from app.features.api.tests.programs import admin_program, problem_of
from app.services import users

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
