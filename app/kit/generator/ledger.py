"""Add a permission to the ledger of bits, app/models/role.py, and remove it again."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from app.kit.generator.refusal import Refused

FILE = Path(__file__).parents[2] / "models" / "role.py"
FIRST, LAST = 16, 29  # places of the bits of a copy
BIT = re.compile(r"^    ([A-Z][A-Z0-9_]{0,60}) = (?:2\*\*([0-9]{1,3})|0x)", re.MULTILINE)
LAST_BIT = re.compile(r"^    ADMINISTER = ", re.MULTILINE)
LAST_TEXT = re.compile(r"^    Permission\.ADMINISTER: PermissionText\(", re.MULTILINE)
LINE_LENGTH = 100


def bits(text: str = "") -> dict[str, int]:
    """Return the places of the bits of a copy, by the names of permissions; others have -1."""
    found = BIT.findall(text or FILE.read_text(encoding="utf-8"))
    return {name: int(place) if place else -1 for name, place in found}


def free_bit(text: str = "") -> int:
    """Return the place of the first bit of a copy that no permission has."""
    taken = set(bits(text).values())
    for place in range(FIRST, LAST + 1):
        if place not in taken:
            return place
    raise Refused(
        f"Every bit from 2**{FIRST} to 2**{LAST} is taken, so there is none for another permission."
    )


def with_permission(
    text: str, name: str, place: int, title: str, sentence: str, *, opens_admin: bool = True
) -> str:
    """Return the text of the ledger with one more permission."""
    for pattern, lines in (
        (LAST_TEXT, _words(name, title, sentence, opens_admin)),
        (LAST_BIT, f"    {name} = 2**{place}\n"),
    ):
        found = pattern.search(text)
        if not found:
            raise Refused(
                "app/models/role.py has no line that begins with ADMINISTER, above which the "
                "permission would stand. Put the line back as it was."
            )
        text = text[: found.start()] + lines + text[found.start() :]
    return text


def _words(name: str, title: str, sentence: str, opens_admin: bool) -> str:
    """Return the row of a permission, laid out as ruff does."""
    begin = f"    Permission.{name}: PermissionText("
    parts = [json.dumps(text, ensure_ascii=False) for text in (title, sentence)]
    parts += ["opens_admin=True"] * opens_admin
    together = ", ".join(parts)
    if len(f"{begin}{together}),") <= LINE_LENGTH:
        return f"{begin}{together}),\n"
    if len(f"{' ' * 8}{together}") > LINE_LENGTH:
        together = ",\n        ".join(parts) + ","
    return f"{begin}\n        {together}\n    ),\n"


def has_bit_of_a_copy(text: str, name: str) -> bool:
    """Return whether a permission has a bit of a copy. The kit's own bits never change."""
    return bits(text).get(name, -1) >= FIRST


def without_permission(text: str, name: str) -> str:
    """Return the text of the ledger without a permission, and without its words."""
    drop: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            drop |= _lines(node, node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and ast.unparse(key) == f"Permission.{name}":
                    drop |= _lines(key, value)
    lines = text.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines, 1) if number not in drop)


def _lines(first: ast.stmt | ast.expr, last: ast.stmt | ast.expr) -> set[int]:
    return set(range(first.lineno, (last.end_lineno or last.lineno) + 1))
