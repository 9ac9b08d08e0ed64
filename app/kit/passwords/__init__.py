"""Hash and verify passwords."""

import unicodedata
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash

MAX_LENGTH = 128

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes and one lane.
hasher = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)


class WeakPassword(ValueError):
    """The password breaks the rule. The message is for the user who chose it."""


class OpenLane:
    """Lets every hash begin at once. Web processes replace it (app.kit.passwords.hashing_lane)."""

    def ensure_room(self) -> None:
        """Raise HashingBusy if a hash could not even wait."""

    def slot(self) -> AbstractContextManager[None]:
        """Hold a slot for a hash, after a wait for it. Raises HashingBusy."""
        return nullcontext()


lane = OpenLane()


def normalise(password: str) -> str:
    """Normalise a password for counting and hashing (NFKC, NIST SP 800-63B-4)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    with lane.slot():
        return hasher.hash(normalise(password))


@cache
def _stand_in() -> str:
    """Return a dummy hash for users without a password, so that both cases cost the same."""
    return hasher.hash("stand-in")


def verify(password_hash: str | None, password: str, *, older: Iterable[str] = ()) -> bool:
    """Return whether `password` matches `password_hash`.

    Every attempt costs one argon2 check, and one check of each `older` method (older_method). A
    dummy hash stands in for the methods that did not make the hash. So the time of an attempt
    reveals neither the method nor whether there is a hash.
    """
    if len(password) > MAX_LENGTH * 4:
        return False
    attempt = normalise(password)
    hashes = {"": _stand_in()} | {method: f"{method}$stand-in$00" for method in older}
    own = older_method(password_hash or "")
    if password_hash:
        hashes[own] = password_hash
    # flask-base hashed a password as it was typed.
    typed = {method: password if method else attempt for method in hashes}
    with lane.slot():
        verified = {method: _verify(hashed, typed[method]) for method, hashed in hashes.items()}
    return bool(password_hash) and verified[own]


def _verify(password_hash: str, attempt: str) -> bool:
    try:
        if older_method(password_hash):
            return check_password_hash(password_hash, attempt)
        return hasher.verify(password_hash, attempt)
    except (VerificationError, InvalidHashError, ValueError):
        return False


def older_method(password_hash: str) -> str:
    """Return the method of a hash that Werkzeug made, or "" for argon2.

    Examples are `scrypt:32768:8:1` and `pbkdf2:sha256:50000`.
    """
    return password_hash.partition("$")[0]


def needs_rehash(password_hash: str) -> bool:
    """Return whether a hash uses another method or other parameters than new hashes do."""
    return not password_hash.startswith("$argon2") or hasher.check_needs_rehash(password_hash)
