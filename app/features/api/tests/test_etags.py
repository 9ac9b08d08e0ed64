"""ETags: nobody overwrites a change that they have not read."""

from datetime import timedelta

from app.extensions import db
from app.features.api.tests.programs import admin_program, problem_of
from app.kit.database import now
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


def test_a_request_of_the_user_is_no_change(admin_program, make_user):
    user = make_user()
    path = f"/users/{user.id}"
    old = admin_program.get(path).headers["ETag"]
    user.last_seen_at = now() + timedelta(minutes=1)
    db.session.commit()
    answer = admin_program.get(path, If_None_Match=old)
    assert answer.status_code == 200  # the representation is another one
    assert answer.headers["ETag"] != old
    changed = admin_program.patch(path, {"last_name": "Byron"}, If_Match=f'{old[:-1]}:gzip"')
    assert changed.json["last_name"] == "Byron"
    again = admin_program.patch(path, {"last_name": "King"}, If_Match=old)
    assert problem_of(again) == (412, "precondition-failed")


def test_a_deletion_honours_the_etag(admin_program, make_user):
    path = f"/users/{make_user().id}"
    old = admin_program.get(path).headers["ETag"]
    admin_program.patch(path, {"first_name": "Augusta"})
    for one in (old, '"none"'):
        assert problem_of(admin_program.delete(path, If_Match=one)) == (412, "precondition-failed")
    now_there = admin_program.get(path).headers["ETag"]
    assert admin_program.delete(path, If_Match=now_there).status_code == 204
