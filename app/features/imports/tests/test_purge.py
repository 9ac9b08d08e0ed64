"""Test that purging a user deletes the user's imports."""

import io
from datetime import timedelta

from sqlalchemy import select

from app import tasks
from app.extensions import db
from app.features.imports import PEOPLE
from app.features.imports.models import PeopleImport
from app.kit import imports
from app.kit.database import now
from tests.support import needs


@needs("deletion")
def test_the_imports_of_one_who_is_erased_go_with_them(make_user):
    """AD-7: they hold the importer's email and IP address."""
    user = make_user(role="Administrator", email="gone@example.com")
    other = make_user(role="Administrator")
    for by in (user, other):
        imports.upload(PEOPLE, io.BytesIO(b"Email\nnew@example.com\n"), name="people.csv", by=by)
    user.deleted_at = now() - timedelta(days=31)
    other_id = other.id
    db.session.commit()
    tasks.clean_up()
    assert db.session.scalars(select(PeopleImport.actor_id)).all() == [other_id]
