"""Test what an administrator is offered who may impersonate users, or does so."""

from flask import g
from flask_login import login_user

from app.models import Permission


def test_a_user_who_may_only_impersonate_is_told_how(someone_with):
    """Without the permission to manage users, no menu item leads to the users."""
    page = someone_with(Permission.GENERAL | Permission.IMPERSONATE).get("/admin/").text
    assert "/admin/user/7/sign-in-as" in page


def test_an_administrator_who_impersonates_a_user_has_no_entry_that_is_closed(app, admin):
    def labels():
        return {item[1] for item in app.jinja_env.globals["menu_items"]("account")}

    with app.test_request_context():
        login_user(admin)
        usual = labels()
        g.impersonating = admin
        assert usual - labels() >= {"Email", "Password", "Devices"}
