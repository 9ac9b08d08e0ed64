"""Test that a run imports only the lines that the confirmed check showed."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.imports.models import ImportResult
from app.features.imports.tests.access import MADE
from app.features.imports.tests.test_pages import HEADER, check, person, run
from app.kit.imports.kinds import LEFT_OUT
from app.models import Permission, Role
from tests import factories


def role(name):
    return db.session.scalar(select(Role).where(Role.name == name))


@pytest.fixture
def manager(make_user):
    """A user who may manage users and nothing else."""
    factories.make_role("Manager", permissions=0x01 | Permission.MANAGE_USERS)
    return make_user(role="Manager", email="manager@example.com")


def results(row):
    query = select(ImportResult.lines).where(ImportResult.import_id == row.id)
    return [line for lines in db.session.scalars(query) for line in lines]


DATA = HEADER + "ok@example.com,,,\nboss@example.com,,,Administrator\nlate@example.com,,,Later\n"


def test_a_run_leaves_out_what_the_check_left_out_although_rights_have_grown(client, manager):
    """AZ-1, AZ-4: an administrator confirms a line with a role above the user who checked it."""
    client.enter(manager)
    row = check(client, DATA)
    assert row.counts == {MADE: 1, "problem": 2}
    manager.role = role("Administrator")
    factories.make_role("Later")
    db.session.commit()
    run(client, row, keep_good=True)
    db.session.refresh(row)
    assert (row.state, row.counts) == ("finished", {MADE: 1, "problem": 2})
    assert person("ok@example.com").role.name == "User"
    assert person("boss@example.com") is None
    assert person("late@example.com") is None
    assert [(line, message) for line, _, _, message in results(row)] == [
        (2, ""),
        (3, LEFT_OUT),
        (4, LEFT_OUT),
    ]


def test_a_resumed_import_leaves_out_the_same_lines_as_the_check(client, manager, monkeypatch):
    """AZ-1: the run stops before the line, and its owner becomes an administrator."""
    client.enter(manager)
    row = check(client, DATA)
    monkeypatch.setattr("app.kit.operations.lifecycle.AT_ONCE", 0)
    run(client, row, keep_good=True)
    client.submit(f"/admin/users/import/{row.id}/cancel", form_at="/account/manage")
    manager.role = role("Administrator")
    db.session.commit()
    monkeypatch.setattr("app.kit.operations.lifecycle.AT_ONCE", 1000)
    client.submit(f"/admin/users/import/{row.id}/go-on")
    db.session.refresh(row)
    assert row.state == "finished"
    assert person("ok@example.com")
    assert person("boss@example.com") is None


def test_a_check_anew_does_what_it_shows(client, manager):
    client.enter(manager)
    row = check(client, DATA)
    manager.role = role("Administrator")
    db.session.commit()
    again = check(client, DATA)
    assert again.counts == {MADE: 2, "problem": 1}
    run(client, again, keep_good=True)
    assert person("boss@example.com").is_admin()
    assert row.id != again.id


@pytest.mark.parametrize("size", [7, 8, 9, 17])
def test_the_lines_that_are_left_out_are_told_apart(client, admin, size, monkeypatch):
    """Each eighth line starts a byte, and each batch starts where the previous one ended."""
    monkeypatch.setattr("app.kit.imports.lines.BATCH", 5)
    client.enter(admin)
    wrong = {0, 3, size - 1}
    lines = [f"p{n}@example.com,,,{'Nothing' if n in wrong else ''}\n" for n in range(size)]
    row = check(client, HEADER + "".join(lines))
    factories.make_role("Nothing")
    run(client, row, keep_good=True)
    made = {n for n in range(size) if person(f"p{n}@example.com")}
    assert made == set(range(size)) - wrong


def test_a_check_of_an_earlier_release_has_to_be_made_again(client, admin):
    client.enter(admin)
    row = check(client, DATA)
    row.left_out = None
    db.session.commit()
    run(client, row, keep_good=True)
    db.session.refresh(row)
    assert row.state == "checked"
    assert person("ok@example.com") is None
