"""Guess which column of a file holds which field."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.kit.imports.kinds import ImportKind

WORD = re.compile(r"[a-z0-9]+")


def plain(name: str) -> str:
    """Return a name in lower case, without accents and signs."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return " ".join(WORD.findall(letters))


def recognised(kind: ImportKind, name: str) -> str:
    """Return the field for a column name, or "" if the name is unknown."""
    letters = plain(name)
    return next((field for field, names in kind.names().items() if letters in names), "")


def guess(kind: ImportKind, names: list[str], sample: list[list[str]]) -> dict[str, int]:
    """Return the column of each field by its name. Keys are also recognised by their format."""
    mapping: dict[str, int] = {}
    for number, name in enumerate(names):
        if field := recognised(kind, name):
            mapping.setdefault(field, number)
    if kind.key not in mapping:
        free = [number for number in range(len(names)) if number not in mapping.values()]

        def keys(number: int) -> int:
            return sum(number < len(cells) and kind.is_key(cells[number]) for cells in sample)

        best = max(free, key=keys, default=None)
        if best is not None and keys(best):
            mapping[kind.key] = best
    return mapping
