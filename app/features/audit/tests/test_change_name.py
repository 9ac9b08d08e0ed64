"""Test that a user's change of name appears in the user's activity."""


def test_recent_activity_shows_it(client, make_user):
    client.enter(make_user(first_name="Ada", last_name="Byron"))
    client.submit("/account/manage/change-name", {"first_name": "Ada", "last_name": "Lovelace"})
    assert "Changed the name" in client.get("/account/manage/activity").text
