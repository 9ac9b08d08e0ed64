"""The names of users where they are shown."""

import re

import pytest

from app.kit import names
from app.services.user_list import UserRow
from app.templating import initials
from tests.support import needs


@pytest.mark.parametrize(
    ("first", "last", "whole", "letters"),
    [
        ("Ada", "Lovelace", "Ada Lovelace", "AL"),
        ("Ada", "", "Ada", "A"),
        ("", "Lovelace", "Lovelace", "L"),
        ("é", "王", "é 王", "É王"),
        ("", "", "", "N"),
        (" ", "\t", "", "N"),
        ("\u200b", "\u200d\u2060", "", "N"),
        ("\u3164", "\u2800", "", "N"),
        ("\u200b", "Lovelace", "Lovelace", "L"),
        ("\u200bAda", "Lovelace", "\u200bAda Lovelace", "AL"),
    ],
)
def test_a_name_that_shows_nothing_is_none(make_user, first, last, whole, letters):
    """XS-5: forms refuse it now, but a stored one would make a link without visible text."""
    assert names.full_name(first, last) == whole
    user = make_user(first_name=first, last_name=last, email="nobody@example.com")
    assert user.full_name() == whole
    assert user.initials == letters
    assert initials(user) == letters
    row = UserRow(user.id, first, last, user.email, None, "active", user.created_at, None)
    assert row.full_name() == whole


@needs("bulk", "content", "invitations")
def test_every_page_calls_someone_without_a_name_by_the_address(client, admin, make_user):
    unseen = {"first_name": "\u200b", "last_name": "\u2060"}
    user = make_user(**unseen, email="unseen@example.com")
    invited = make_user(**unseen, email="invited@example.com", invited=True)
    admin.first_name = admin.last_name = "\u200b"
    invited.invited_by_id = admin.id
    client.enter(admin)
    page = f"/admin/user/{user.id}"
    for path in ("/admin/", "/admin/users", page, f"{page}/suspend", "/admin/invitations"):
        text = re.sub(r"<input[^>]*>", "", client.get(path).text)
        assert "\u200b" not in text, path
        assert "unseen@example.com" in text or "invited@example.com" in text
    sent = {"action": "suspend", "user_ids": str(user.id)}
    preview = client.submit("/admin/users/bulk", sent, form_at="/about", follow_redirects=True)
    assert ">unseen@example.com</a>" in preview.text
