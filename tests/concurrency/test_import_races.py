"""Files that one administrator uploads at the same moment."""

import io

from sqlalchemy import func, select

from app.extensions import db
from app.models import ImportChunk, PeopleImport, User
from app.services import imports
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
