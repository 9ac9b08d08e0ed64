"""Files that one administrator uploads at the same moment."""

import io

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.models import ImportChunk, PeopleImport, User
from app.models.people_import import ImportState
from app.services import imports
from app.services.imports import working
from tests.concurrency.test_races import role_id
from tests.factories import make_user


def test_files_that_are_uploaded_at_once_are_no_more_than_one_may_keep(race):
    admin_id = make_user(role="Administrator").id

    def upload():
        by = db.session.get(User, admin_id)
        imports.upload(io.BytesIO(b"Email\na@example.com\n"), name="people.csv", by=by)

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
    """AZ-2: between the look at what they may do and the batch."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("A batch holds the only write lock from its beginning.")
    make_user(role="Administrator")
    by = make_user(role="Administrator")
    by_id = by.id
    lost = {"role_id": role_id("User")} if loss == "demoted" else {"suspended_at": by.created_at}
    file = io.BytesIO(b"Email\nnew@example.com\n")
    row = imports.upload(file, name="people.csv", by=by)
    imports.choose(
        row,
        mapping={"email": 0},
        has_header=True,
        mode="create",
        update_existing=updates,
        role_id=role_id("User"),
        by=by,
    )
    roles_of = working._roles_of

    def lose(*args):
        monkeypatch.setattr(working, "_roles_of", roles_of)
        with db.engine.begin() as connection:
            connection.execute(User.__table__.update().where(User.id == by_id).values(**lost))
        return roles_of(*args)

    monkeypatch.setattr(working, "_roles_of", lose)
    imports.run(row, check=row.checks, keep_good=True, by=by)
    assert row.state == ImportState.FAILED
    assert User.by_email("new@example.com") is None
