"""The name of this product, which pyproject.toml keeps for all files that show it."""

import hashlib
import re
import unicodedata
from functools import cache
from pathlib import Path

from settings import kit_record
from settings.kit_record import ROOT

BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def name_in(folder: Path) -> str:
    """Return the name of the product in `folder`."""
    return kit_record.read(folder).name or "App"


@cache
def name() -> str:
    """Return the name of this product."""
    return name_in(ROOT)


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
