"""Guess which column of a file holds which field of a user."""

from __future__ import annotations

import re
import unicodedata

WORD = re.compile(r"[a-z0-9]+")

FIELDS = {
    "email": "Email",
    "first_name": "First name",
    "last_name": "Last name",
    "role": "Role",
}

# Column names in the exports of common programs, in English, German and French.
NAMES = {
    "email": {
        "email", "e mail", "mail", "email address", "e mail address", "mail address",
        "primary email", "user email", "e mail 1 value", "e mail adresse", "emailadresse",
        "adresse e mail", "adresse mail", "courriel",
    },
    "first_name": {
        "first name", "firstname", "given name", "givenname", "forename", "first", "vorname",
        "prenom",
    },
    "last_name": {
        "last name", "lastname", "surname", "family name", "familyname", "last", "sn", "nachname",
        "familienname", "nom", "nom de famille",
    },
    "role": {"role", "user role", "account type", "rolle"},
}  # fmt: skip


def recognised(name: str) -> str:
    """Return the field for a column name, or "" if the name is unknown."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = " ".join(WORD.findall(letters))
    return next((field for field, names in NAMES.items() if plain in names), "")


def guess(names: list[str], sample: list[list[str]]) -> dict[str, int]:
    """Return the column of each field by its name. Emails are also recognised by their format."""
    mapping: dict[str, int] = {}
    for number, name in enumerate(names):
        if field := recognised(name):
            mapping.setdefault(field, number)
    if "email" not in mapping:
        free = [number for number in range(len(names)) if number not in mapping.values()]

        def addresses(number: int) -> int:
            return sum(number < len(cells) and "@" in cells[number] for cells in sample)

        best = max(free, key=addresses, default=None)
        if best is not None and addresses(best):
            mapping["email"] = best
    return mapping
