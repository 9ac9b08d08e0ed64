"""The form of a token's secret, by which scanners of code and logs recognise it.

It is a prefix, random characters, and a checksum of them, as GitHub's tokens have it
(github.blog, "Behind GitHub's new authentication token formats").
"""

import hashlib
import re
import secrets
import string
import zlib

from app.kit.web.logs import log_lines

PREFIX = "kit_"
RANDOM = 32  # characters of base62, which hold 190 bits
CHECKSUM = 6
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase

_FORM = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{RANDOM}}})([0-9A-Za-z]{{{CHECKSUM}}})")
# The character before may belong to an encoded one, as in Bearer%20kit_….
log_lines.secrets.add(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}")


def new_secret() -> str:
    random = "".join(secrets.choice(BASE62) for _ in range(RANDOM))
    return f"{PREFIX}{random}{_checksum(random)}"


def is_well_formed(secret: str) -> bool:
    """Tell whether `secret` may be a token, without a look at the database."""
    found = _FORM.fullmatch(secret)
    return found is not None and found[2] == _checksum(found[1])


def hash_of(secret: str) -> str:
    """Return the SHA-256 hash. A secret of 190 random bits needs neither salt nor a slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(random: str) -> str:
    number, digits = zlib.crc32(random.encode()), ""
    for _ in range(CHECKSUM):
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits
