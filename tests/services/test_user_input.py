"""Emails that are checked in bulk get the same result as single ones."""

import pytest
from email_validator import EmailNotValidError

from app.kit.many_emails import normalised_email_of_many
from app.kit.name_rule import is_name
from app.kit.user_input import normalised_email

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
def test_the_quick_way_says_the_same_as_the_slow_one(app, typed):
    """IN-4"""
    assert outcome(normalised_email_of_many, typed) == outcome(normalised_email, typed)


@pytest.mark.parametrize(
    "text", ["", "Ada", "Zoë 王", "محمد", "👩\u200d👩\u200d👧", "می\u200cخواهم", "42"]
)
def test_a_name_is_taken_in_any_script(text):
    assert is_name(text)


@pytest.mark.parametrize(
    "text",
    [
        *("a\tb", "a\nb", "é\x00"),
        *("\u200b", "\u200d\u2060", "\u00a0", "\u0301", "\u3164", "\u2800"),
        *("\u202eevil", "Ada \u2067x", "\u2066Ada\u2069"),
    ],
)
def test_a_name_shows_all_that_is_in_it_where_it_stands(text):
    """XS-5"""
    assert not is_name(text)
