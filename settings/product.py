"""The name of this product, which pyproject.toml keeps for all files that show it."""

import hashlib
import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = "pyproject.toml"


def name_in(folder: Path) -> str:
    """Return the name of the product in `folder`."""
    read = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    return str(read.get("tool", {}).get("kit", {}).get("name", "App"))


@cache
def name() -> str:
    """Return the name of this product."""
    return name_in(ROOT)


def slug(text: str) -> str:
    """Return a name for packages, images, and keys in Redis, such as acme-shop.

    Letters that are not Latin are left out, so a hash keeps such names distinct.
    """
    latin = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
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
