"""The decorators that the kit offers to copies, including those that its own views do not use."""

import pytest
from flask_login import login_user
from werkzeug.exceptions import Forbidden

from app.decorators import admin_required
from app.models import Permission
from tests.factories import make_role


@admin_required
def view():
    return "opened"


def test_admin_required_opens_for_an_administrator(app, admin):
    with app.test_request_context():
        login_user(admin)
        assert view() == "opened"


def test_admin_required_refuses_a_user_with_every_other_permission(app, make_user):
    """AZ-1"""
    user = make_user()
    user.role = make_role("Nearly", sum(Permission) & ~Permission.ADMINISTER)
    with app.test_request_context():
        login_user(user)
        with pytest.raises(Forbidden):
            view()


def test_admin_required_sends_a_visitor_to_sign_in(app):
    with app.test_request_context("/orders"):
        response = app.make_response(view())
    assert response.status_code == 302
    assert response.location.startswith("/account/login")
