"""Amounts of money are read and shown in the digits of their currency."""

import pytest

from app.kit import money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12,5", "EUR", 1250),
        ("12", "EUR", 1200),
        (" -0.05 ", "EUR", -5),
        ("1250", "JPY", 1250),
        ("1.234", "KWD", 1234),
        ("1,234.50", "EUR", 123450),
        ("-12,345,678", "EUR", -1234567800),
        ("1,250", "JPY", 1250),
        ("0" * 12 + "7", "EUR", 700),
    ],
)
def test_an_amount_is_read_as_minor_units(text, currency, minor):
    assert money.parsed(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", "EUR"),
        ("12.345", "EUR"),
        ("1.5", "JPY"),
        ("1,250", "EUR"),
        ("1,23.50", "EUR"),
        (",234.50", "EUR"),
        ("1.234,50", "EUR"),
        ("١٢", "EUR"),
        ("1e3", "EUR"),
        ("NaN", "EUR"),
        ("9" * 14, "EUR"),
        ("12.", "EUR"),
    ],
)
def test_a_text_that_is_no_amount_is_none(text, currency):
    assert money.parsed(text, currency) is None


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123450, "EUR", "1,234.50 EUR"),
        (-5, "USD", "-0.05 USD"),
        (1250, "JPY", "1,250 JPY"),
        (1234, "KWD", "1.234 KWD"),
    ],
)
def test_an_amount_is_shown_with_its_currency(minor, currency, shown):
    assert money.shown(minor, currency) == shown
    for separator in ("", ","):
        text = money.amount(minor, currency, separator=separator)
        assert money.parsed(text, currency) == minor
