"""Test concurrent imports, and changes to the importer during an import."""

import io

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.imports import PEOPLE
from app.features.imports.models import ImportChunk, PeopleImport
from app.features.imports.services import people
from app.kit import imports
from app.kit.imports import ImportState
from app.models import AuditEvent, User
from app.services import users
from tests.databases import NEEDS_POSTGRESQL
from tests.factories import make_user
from tests.fixtures.races import as_request, role_id


def test_files_that_are_uploaded_at_once_are_no_more_than_one_may_keep(race):
    admin_id = make_user(role="Administrator").id

    def upload():
        by = db.session.get(User, admin_id)
        imports.upload(PEOPLE, io.BytesIO(b"Email\na@example.com\n"), name="people.csv", by=by)

    results = race(*[upload] * 12)
    assert results == [None] * 12
    for model in (PeopleImport, ImportChunk):
        found = db.session.scalar(select(func.count()).select_from(model))
        assert found == imports.MOST_UNFINISHED


@pytest.mark.parametrize("updates", [False, True])
@pytest.mark.parametrize("loss", ["demoted", "suspended"])
def test_no_line_is_imported_for_one_who_loses_the_right_to_it_meanwhile(
    race, monkeypatch, loss, updates
):
    """AZ-2: the importer loses the permission between the check of permissions and the batch."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip(NEEDS_POSTGRESQL)  # A batch holds the only write lock from its beginning.
    make_user(role="Administrator")
    by = make_user(role="Administrator")
    by_id = by.id
    lost = {"role_id": role_id("User")} if loss == "demoted" else {"suspended_at": by.created_at}
    file = io.BytesIO(b"Email\nnew@example.com\n")
    row = imports.upload(PEOPLE, file, name="people.csv", by=by)
    imports.choose(
        row,
        mapping={"email": 0},
        has_header=True,
        mode="create",
        update_existing=updates,
        role_id=role_id("User"),
        by=by,
    )
    roles_of = people.roles_of

    def lose(*args):
        monkeypatch.setattr(people, "roles_of", roles_of)
        with db.engine.begin() as connection:
            connection.execute(User.__table__.update().where(User.id == by_id).values(**lost))
        return roles_of(*args)

    monkeypatch.setattr(people, "roles_of", lose)
    imports.run(row, check=row.checks, keep_good=True, by=by)
    assert row.state == ImportState.FAILED
    assert User.by_email("new@example.com") is None


@pytest.mark.parametrize("mode", ["create", "update"])
@pytest.mark.parametrize("is_older", [False, True])
def test_lines_come_before_the_end_of_the_right_to_import_them_or_not_at_all(race, mode, is_older):
    """AZ-2: the importer's id is lower or higher than the ids of the users in the file."""
    for number in range(8):
        admin_id = make_user(role="Administrator").id
        actor = make_user(role="Administrator") if is_older else None
        known = [make_user().email for _ in range(3)]
        actor = actor or make_user(role="Administrator")
        addresses = [f"new{mode}{is_older}{number}{n}@example.com" for n in range(20)]
        text = "Email,First name\n" + "".join(f"{one},New\n" for one in addresses + known)
        row = imports.upload(PEOPLE, io.BytesIO(text.encode()), name="people.csv", by=actor)
        imports.choose(
            row,
            mapping={"email": 0, "first_name": 1},
            has_header=True,
            mode="create",
            update_existing=mode == "update",
            role_id=role_id("User"),
            by=actor,
        )
        actor_id, import_id, check = actor.id, row.id, row.checks

        def run(actor_id=actor_id, import_id=import_id, check=check):
            by, row = db.session.get(User, actor_id), db.session.get(PeopleImport, import_id)
            if not by.is_admin():
                return
            imports.run(row, check=check, keep_good=True, by=by)

        results = race(run, as_request(users.change_role, actor_id, admin_id, role=role_id("User")))
        assert results == [None, None]
        demoted = select(AuditEvent.id).where(
            AuditEvent.action == "user.role_changed", AuditEvent.subject_id == actor_id
        )
        created = select(func.max(AuditEvent.id)).where(
            AuditEvent.action.in_(["user.created", "user.renamed"]),
            AuditEvent.actor_id == actor_id,
        )
        last = db.session.scalar(created)
        assert last is None or last < db.session.scalar(demoted)
