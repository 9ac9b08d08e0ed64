"""The name of this product, which pyproject.toml keeps for all files that show it."""

import hashlib
import json
import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = "pyproject.toml"
BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")
TABLE = re.compile(r"^\[tool\.kit\]\n(?:(?!\[).*\n?)*", re.MULTILINE)


def name_in(folder: Path) -> str:
    """Return the name of the product in `folder`."""
    read = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    return str(read.get("tool", {}).get("kit", {}).get("name", "App"))


@cache
def name() -> str:
    """Return the name of this product."""
    return name_in(ROOT)


def with_entry(text: str, key: str, value: str) -> str:
    """Return the text of a pyproject.toml with an entry of `[tool.kit]`."""
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    table = TABLE.search(text)
    if not table:
        return f"{text.rstrip()}\n\n[tool.kit]\n{line}\n"
    lines = table[0].splitlines()
    place = next((at for at, one in enumerate(lines) if one.startswith(f"{key} = ")), None)
    if place is None:
        lines.insert(1, line)
    else:
        lines[place] = line
    return text[: table.start()] + "\n".join([*lines, ""]) + text[table.end() :]


def slug(text: str) -> str:
    """Return a name for packages, images, and keys in Redis, such as acme-shop.

    Letters that are not Latin are left out, so a hash keeps such names distinct.
    """
    latin = BETWEEN_WORDS.sub("-", text.lower()).strip("-")
    if latin and not any(map(_is_foreign, text)):
        return latin
    same = unicodedata.normalize("NFKC", text).casefold().encode()
    return f"{latin or 'app'}-{hashlib.blake2s(same, digest_size=4).hexdigest()}"


def admin_email() -> str:
    """Return the email address of the administrator that development gets."""
    return f"{slug(name())}-admin@example.com"


def _is_foreign(letter: str) -> bool:
    if letter.isascii() or not letter.isalnum():
        return False
    return not unicodedata.name(letter, "").startswith("LATIN")
