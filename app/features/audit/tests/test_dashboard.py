"""Test the dashboard card with the newest events."""

from app.extensions import db
from app.kit import audit
from app.models import Permission
from tests.factories import make_role
from tests.support import needs


@needs("roles")
def test_the_audit_card_tells_the_latest_actions_and_shows_them_as_typed(someone_with, admin):
    """IN-2"""
    role = make_role("<i>Sly</i>", 1)
    audit.record("role.created", by=admin, subject=role)
    db.session.commit()
    page = someone_with(Permission.VIEW_AUDIT).get("/admin/").text
    assert "Created the role" in page
    assert "&lt;i&gt;Sly&lt;/i&gt;" in page
    assert "admin@example.com" in page
