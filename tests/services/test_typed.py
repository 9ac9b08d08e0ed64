"""Addresses that are checked many at a time are checked as one by one."""

import pytest
from email_validator import EmailNotValidError

from app.services.typed import is_visible, stored_address, stored_address_of_many

ADDRESSES = [
    "ada@example.com",
    " Ada.Lovelace+x@EXAMPLE.com ",
    "o'hara_{x}@sub.example.co.uk",
    "ada@bücher.example.com",
    "ada@xn--bcher-kva.example.com",
    "ada@xn--a.example",
    ".ada@example.com",
    "ada.@example.com",
    "a..da@example.com",
    "ada",
    "ada@",
    "@example.com",
    "a@b@example.com",
    '"a b"@example.com',
    "ада@example.com",
    "mıke@example.com",
    "ａ@example.com",
    "ada@localhost",
    "ada@example.test",
    "ada@[127.0.0.1]",
    "ada@exa mple.com",
    "ada@-example.com",
    "ada@example..com",
    "ada@example.com.",
    "Ada <ada@example.com>",
    "ada@example.com\nBcc: x@example.com",
    "ada\x00@example.com",
    "x" * 64 + "@example.com",
    "x" * 65 + "@example.com",
    "x@" + "y" * 63 + ".com",
    "x@" + "y" * 64 + ".com",
    "x" * 60 + "@" + ".".join(["y" * 60] * 3) + ".com",
    "x" * 64 + "@" + ".".join(["y" * 61] * 3) + ".example",
    "",
]


def outcome(function, typed):
    try:
        return function(typed)
    except EmailNotValidError:
        return None


@pytest.mark.parametrize("typed", ADDRESSES)
def test_the_quick_way_says_the_same_as_the_slow_one(typed):
    """IN-4"""
    assert outcome(stored_address_of_many, typed) == outcome(stored_address, typed)


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [("Ada", True), ("Zoë 王", True), ("a\tb", False), ("a\nb", False), ("é\x00", False)],
)
def test_a_name_shows_all_that_is_in_it(text, is_fine):
    """XS-5"""
    assert is_visible(text) is is_fine
