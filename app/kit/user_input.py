"""Normalise the emails and names that users enter, and reject invisible characters and links."""

import re
import unicodedata

from flask import current_app

from app.kit import names
from settings import normalise

# Unicode Annex 9: these set the direction of the following text, even after the end of a name.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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


# Only this many characters of a name are examined. A longer name is rejected for its length.
EXAMINED = 256

# Mail clients and browsers make a link of a scheme, "www.", a Windows network path, or a domain.
# Initials joined to a surname are no domain ("J.R.R.Tolkien"), so after a single letter only an
# ending of two or three letters counts.
_LETTER = r"[a-z\u00df-\u024f\u0370-\u03ff\u0400-\u052f]"
_LINK = re.compile(
    r"://|\\\\|\bwww\.|\b(?:https?|ftp|file|mailto|tel):"
    rf"|\w[^\W_]\.{_LETTER}{{2}}|\b[^\W_]\.{_LETTER}{{2,3}}\b"
)


def holds_link(text: str) -> bool:
    """Return whether a name contains text that a mail client would turn into a link.

    Mails contain names, so a stranger must not use a URL as a name.
    """
    plain = text[:EXAMINED]
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).replace("\u3002", ".")
        plain = "".join(one for one in plain if unicodedata.category(one) != "Cf")
    return _LINK.search(plain.lower()) is not None


def hides_something(text: str) -> bool:
    """Return whether `text` contains invisible characters, such as zero-width ones."""
    return any(unicodedata.category(character)[0] == "C" for character in text)


def is_name(text: str) -> bool:
    """Return whether `text` is one visible line that does not affect the text around it.

    An empty text counts as a name. Joiners within a word are allowed, because some scripts and
    emoji need them.
    """
    if text.isascii():
        return text.isprintable()
    if visible(text, allowed="") != text or not _TURNING.isdisjoint(text):
        return False
    return names.shows(text)
