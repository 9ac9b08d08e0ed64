"""Test the dashboard of a user who may impersonate others and nothing else."""

from app.models import Permission


def test_whoever_may_only_sign_in_as_others_is_told_how(someone_with):
    """Without the permission to manage users, no menu item leads to the users."""
    page = someone_with(Permission.GENERAL | Permission.IMPERSONATE).get("/admin/").text
    assert "/admin/user/7/sign-in-as" in page
