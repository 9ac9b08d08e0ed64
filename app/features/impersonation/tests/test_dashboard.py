"""The dashboard of a user who may impersonate others and no more."""

from app.models import Permission


def test_whoever_may_only_sign_in_as_others_is_told_how(someone_with):
    """No page of the menu leads there without the permission to find people."""
    page = someone_with(Permission.GENERAL | Permission.IMPERSONATE).get("/admin/").text
    assert "/admin/user/7/sign-in-as" in page
