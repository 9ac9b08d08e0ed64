"""Normalise the emails that users enter, and find invisible characters in their input."""

import unicodedata

from flask import current_app

from settings import normalise


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
