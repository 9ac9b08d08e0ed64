"""Programs at the same moment: one change wins, and one administrator remains."""

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.api.models import IdempotentAnswer
from app.features.api.tests.programs import Program
from app.models import Role, User
from app.services import policy
from tests.factories import make_user

ROUNDS = 4
SENT = 4  # requests at once


@pytest.fixture
def make_program(racing_app):
    return lambda **values: Program(racing_app, make_user(role="Administrator", **values))


def test_two_programs_that_turn_on_each_other_leave_an_administrator(race, make_program):
    """AD-1"""
    plain = db.session.scalar(select(Role.id).where(Role.name == "User"))
    for number in range(ROUNDS):
        one, other = make_program(), make_program()
        paths = [f"/users/{program.user.id}" for program in (other, one)]
        for user in db.session.scalars(select(User)):
            is_new = user.id in {one.user.id, other.user.id}
            user.suspended_at = None if is_new else user.created_at
        db.session.commit()

        def demote(program, path):
            return lambda: program.call("PATCH", path, {"role_id": plain}, If_Match="*").status_code

        def suspend(program, path):
            return lambda: program.post(f"{path}/suspend", {}).status_code

        second = suspend if number % 2 else demote
        codes = race(demote(one, paths[0]), second(other, paths[1]))
        assert sorted(codes)[0] == 200
        assert sorted(codes)[1] in {401, 403, 409, 412}, codes
        db.session.expire_all()
        assert policy.has_administrator()


def test_one_of_several_changes_with_the_same_etag_wins(race, make_program):
    program = make_program()
    for path in ("/me", f"/users/{make_user().id}"):
        tag = program.get(path).headers["ETag"]

        def change(number, path=path, tag=tag):
            body = {"first_name": f"Name {number}"}
            return lambda: program.call("PATCH", path, body, If_Match=tag).status_code

        codes = race(*(change(number) for number in range(SENT)))
        assert sorted(codes) == [200] + [412] * (SENT - 1)


def test_a_post_that_is_sent_several_times_is_carried_out_once(race, make_program):
    """IN-6"""
    program = make_program()
    sent = {"email": "once@example.com", "first_name": "A", "last_name": "B"}
    sent["password"] = "a long enough one 7"

    def create():
        return program.post("/users", sent, Idempotency_Key="once").status_code

    codes = set(race(*[create] * SENT))
    assert codes <= {201, 409}
    assert 201 in codes
    assert db.session.scalar(select(func.count()).where(User.email == "once@example.com")) == 1
    assert db.session.scalar(select(func.count(IdempotentAnswer.id))) == 1
    assert program.post("/users", sent, Idempotency_Key="once").status_code == 201
