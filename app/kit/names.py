"""Normalise, compare and display the names of users, and detect invisible characters."""

import unicodedata

# The maximum numbers of characters.
NAME_LENGTH = 64
EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets

# These are one Greek letter, but lower() writes it differently at the end of a word.
SIGMA, FINAL_SIGMA = "σ", "ς"
_SIGMAS = str.maketrans({"Σ": SIGMA, FINAL_SIGMA: SIGMA})

# Letters and symbols that are invisible.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def normalise(text: str) -> str:
    """Return `text` in Unicode's composed form, NFC, in which names are stored (Annex 15)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Return `text` in the form for comparisons without case.

    The databases do the same in every locale: see the module `matching` of the search.
    """
    return normalise(normalise(text).translate(_SIGMAS).lower())


def is_seen(character: str) -> bool:
    """Return whether a character is visible by itself."""
    if "!" <= character <= "~":
        return True  # ASCII: a list of users asks for hundreds of letters
    return unicodedata.category(character)[0] in "LNPS" and character not in BLANK


def shows(text: str) -> bool:
    """Return whether `text` contains a visible character."""
    return any(map(is_seen, text))


def full_name(first: str, last: str) -> str:
    """Return the full name, or "" if it is invisible, so that callers show the email instead.

    Forms reject invisible names, but older rows or other sources may contain one.
    """
    return " ".join(filter(shows, (first, last))).strip()


def initials(first: str, last: str, email: str) -> str:
    """Return the initials of a user's name, or the first letter of the email."""
    letters = next(filter(is_seen, first), "") + next(filter(is_seen, last), "")
    return (letters or email[:1]).upper()


def canonical_email(email: str) -> str:
    """Normalise an email address to the form that is stored and compared."""
    return email.strip().lower()
