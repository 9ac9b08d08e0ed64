"""Amounts of money as whole minor units, such as cents."""

from __future__ import annotations

import re

from flask import Flask

# ISO 4217: currencies whose minor unit is not a hundredth.
DIGITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
AMOUNT = re.compile(r"(-?)(\d{1,13})(?:[.,](\d{1,3}))?", re.ASCII)
GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d{1,3})?", re.ASCII)


def init_app(app: Flask) -> None:
    app.jinja_env.filters["money"] = shown


def digits(currency: str) -> int:
    """Return how many decimal places a currency has."""
    return DIGITS.get(currency, 2)


def amount(minor: int, currency: str, *, separator: str = ",") -> str:
    """Return an amount without its currency, as in 1,234.50."""
    places = digits(currency)
    whole, rest = divmod(abs(minor), 10**places)
    sign = "-" if minor < 0 else ""
    decimals = f".{rest:0{places}}" if places else ""
    return f"{sign}{whole:,}".replace(",", separator) + decimals


def shown(minor: int, currency: str) -> str:
    """Return an amount for a page, as in 1,234.50 EUR."""
    return f"{amount(minor, currency)} {currency}"


def parsed(text: str, currency: str) -> int | None:
    """Return the minor units of an amount such as 1234.5 or 1,234.50, or None if it is none.

    A single comma is read as a decimal point where it can be one: “1,250” EUR is no amount.
    """
    text = text.strip()
    is_plain = "." in text or text.count(",") > 1 or not digits(currency)
    if is_plain and GROUPED.fullmatch(text):
        text = text.replace(",", "")
    found = AMOUNT.fullmatch(text)
    if not found:
        return None
    sign, whole, decimals = found[1], found[2], found[3] or ""
    places = digits(currency)
    if len(decimals) > places:
        return None
    return int(f"{sign}{whole}{decimals.ljust(places, '0')}")
