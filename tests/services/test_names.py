"""The names of users where they are shown."""

import re

import pytest

from app.kit import names
from app.kit.web.avatars import initials
from app.services.user_list import UserRow


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


def test_every_page_calls_someone_without_a_name_by_the_address(client, admin, make_user):
    user = make_user(first_name="\u200b", last_name="\u2060", email="unseen@example.com")
    admin.first_name = admin.last_name = "\u200b"
    client.enter(admin)
    page = f"/admin/user/{user.id}"
    for path in ("/admin/", "/admin/users", page, f"{page}/suspend"):
        text = re.sub(r"<input[^>]*>", "", client.get(path).text)
        assert "\u200b" not in text, path
        assert "unseen@example.com" in text
