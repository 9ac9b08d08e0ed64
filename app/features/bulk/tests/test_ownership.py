"""Test that every user manager sees a confirmed bulk operation."""

from app.features import bulk
from app.models import Permission
from tests import factories
from tests.routes import RULES

PAGES = [
    rule
    for rule in RULES
    if "operation_id" in rule.arguments and "GET" in rule.methods and "/api/" not in str(rule)
]


def test_a_confirmed_operation_is_shown_to_all(app, admin, make_user):
    """AZ-2"""
    factories.make_role("Manager", permissions=0x01 | Permission.MANAGE_USERS)
    browser = app.test_client()
    browser.enter(make_user(role="Manager"))
    operation = bulk.preview("suspend", by=admin, user_ids=[make_user().id])
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)
    for rule in PAGES:
        response = browser.get(str(rule).replace("<int:operation_id>", str(operation.id)))
        assert response.status_code in {200, 302}, rule
