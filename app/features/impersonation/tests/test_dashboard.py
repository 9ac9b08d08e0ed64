"""Test the dashboard of a user who may impersonate others and nothing else."""

from app.models import Permission


def test_a_user_who_may_only_impersonate_is_told_how(someone_with):
    """Without the permission to manage users, no menu item leads to the users."""
    page = someone_with(Permission.GENERAL | Permission.IMPERSONATE).get("/admin/").text
    assert "/admin/user/7/sign-in-as" in page
