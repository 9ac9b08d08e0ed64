"""What people are called where they are named, and what of a text can be seen at all."""

import unicodedata

# The most characters of each.
NAME_LENGTH = 64
EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets

# One letter of Greek: lower() writes it in another way at the end of a word.
SIGMA, FINAL_SIGMA = "σ", "ς"
_SIGMAS = str.maketrans({"Σ": SIGMA, FINAL_SIGMA: SIGMA})

# Letters and symbols that leave no mark.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def normalise(text: str) -> str:
    """Return the one form in which names are stored: an accent may be part of its letter or not.

    Unicode Annex 15, NFC.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Return `text` as it is compared where case does not count.

    The databases do the same, whatever their locale: see the module `matching` of the search.
    """
    return normalise(normalise(text).translate(_SIGMAS).lower())


def is_seen(character: str) -> bool:
    """Tell whether a character leaves a mark by itself."""
    return unicodedata.category(character)[0] in "LNPS" and character not in BLANK


def shows(text: str) -> bool:
    """Tell whether anything of `text` can be seen."""
    return any(map(is_seen, text))


def full_name(first: str, last: str) -> str:
    """Return a whole name, or "" where nothing of it can be seen: then the address stands for it.

    Forms refuse such names, but what was stored before, or by other means, may be one.
    """
    return " ".join(filter(shows, (first, last))).strip()


def initials(first: str, last: str, email: str) -> str:
    """Return the letters that stand for a person: of their name, else of their address."""
    letters = next(filter(is_seen, first), "") + next(filter(is_seen, last), "")
    return (letters or email[:1]).upper()
