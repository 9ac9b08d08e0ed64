"""Test that other features hear of the users that an import adds and changes."""

import io

from sqlalchemy import select

from app.extensions import db
from app.features.imports import PEOPLE
from app.kit import imports
from app.kit.audit import followers
from app.models import AuditEvent, Role

FILE = b"Email,First name\nnew@example.com,Ada\nhere@example.com,Grace\n"


def test_followers_hear_of_each_user_of_an_import(admin, make_user, monkeypatch):
    """Webhooks missed them, because these events are inserted in one statement."""
    make_user(email="here@example.com", first_name="Before")
    row = imports.upload(PEOPLE, io.BytesIO(FILE), name="people.csv", by=admin)
    options = {"has_header": True, "mode": "create", "update_existing": True}
    role_id = Role.get_default().id
    imports.choose(row, mapping=row.mapping, role_id=role_id, by=admin, **options)
    told = []
    monkeypatch.setattr(followers, "_of_new", [told.extend])
    imports.run(row, check=row.checks, keep_good=True, by=admin)

    query = select(AuditEvent.id).where(AuditEvent.action.in_(["user.created", "user.renamed"]))
    of_import = query.where(AuditEvent.subject_label.in_(["new@example.com", "here@example.com"]))
    assert len(set(db.session.scalars(of_import)) & set(told)) == 2
