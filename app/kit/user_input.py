"""Normalise the emails that users enter, and find invisible characters in their input."""

import unicodedata

from flask import current_app

from settings import normalise

# Unicode Annex 9: these set the direction of the following text, even after the end of a name.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def normalised_email(typed: str) -> str:
    """Return an email address in the form in which it is stored (`normalise.email`).

    Domains of INTRANET_DOMAINS are accepted too. Raises EmailNotValidError.
    """
    return normalise.email(typed, current_app.config["INTRANET_DOMAINS"])


def visible(text: str | None, allowed: str = "\r\n\t") -> str:
    """Return `text` without lone surrogates, and without control characters except `allowed`."""
    if text and text.isprintable():  # as nearly all texts are
        return text
    return "".join(
        character
        for character in text or ""
        if character in allowed or unicodedata.category(character) not in {"Cc", "Cs"}
    )


def hides_something(text: str) -> bool:
    """Return whether `text` contains invisible characters, such as zero-width ones."""
    return any(unicodedata.category(character)[0] == "C" for character in text)
