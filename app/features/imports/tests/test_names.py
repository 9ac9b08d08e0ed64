"""Test the names in a file."""

import io

from sqlalchemy import select

from app.extensions import db
from app.features.imports import PEOPLE
from app.features.imports.models import ImportProblem
from app.kit import imports


def test_an_import_takes_no_web_address_for_a_name(admin):
    file = io.BytesIO(b"Email,First name\na@example.com,evil.com\nb@example.com,J.R.R. Tolkien\n")
    row = imports.upload(PEOPLE, file, name="people.csv", by=admin)
    options = {"has_header": True, "mode": "create", "update_existing": False}
    imports.choose(row, mapping=row.mapping, role_id=row.role_id, by=admin, **options)
    assert row.counts == {"created": 1, "problem": 1}
    assert db.session.scalars(select(ImportProblem.message)).all() == [
        "A name cannot contain a URL. Put a space after a dot."
    ]
