"""What people are called where they are named, and what of a text can be seen at all."""

import unicodedata

# Letters and symbols that leave no mark.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def shows(text: str) -> bool:
    """Tell whether anything of `text` can be seen."""
    return any(unicodedata.category(c)[0] in "LNPS" and c not in BLANK for c in text)


def full_name(first: str, last: str) -> str:
    """Return a whole name, or "" where nothing of it can be seen: then the address stands for it.

    Forms refuse such names, but what was stored before, or by other means, may be one.
    """
    return " ".join(part for part in (first, last) if shows(part)).strip()


def initials(first: str, last: str, email: str) -> str:
    """Return the letters that stand for a person: of their name, else of their address."""
    letters = [next((c for c in part if shows(c)), "") for part in (first, last)]
    return ("".join(letters) or email[:1]).upper()
