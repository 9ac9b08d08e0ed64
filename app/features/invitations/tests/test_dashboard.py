"""Test the dashboard with invitations closed."""

from app.models import Permission


def test_nobody_is_led_to_an_invitation_where_invitations_are_closed(
    app, someone_with, monkeypatch
):
    browser = someone_with(Permission.GENERAL | Permission.MANAGE_USERS)
    assert "/admin/invite-user" in browser.get("/admin/").text
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    page = browser.get("/admin/").text
    assert "/admin/invite-user" not in page
    assert "/admin/new-user" in page
