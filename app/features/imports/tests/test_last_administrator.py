"""AD-1: test that no import leaves the app without an administrator."""

import io

from app.features.imports import PEOPLE
from app.kit import imports
from tests.fixtures.last_administrator import role


def import_demotes(last, actor, _browser, _app):
    file = io.BytesIO(f"email,role\n{last.email},User\n".encode())
    row = imports.upload(PEOPLE, file, name="people.csv", by=actor)
    imports.choose(
        row, mapping={"email": 0, "role": 1}, has_header=True, mode="update",
        update_existing=True, role_id=role("User").id, by=actor,
    )  # fmt: skip
    imports.run(row, check=row.checks, keep_good=True, by=actor)


def test_the_last_administrator_survives(assert_survives):
    """AD-1"""
    assert_survives(import_demotes)


def test_with_a_second_administrator_the_same_is_done(assert_done_with_a_second):
    assert_done_with_a_second(import_demotes)
