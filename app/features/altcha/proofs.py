"""Make puzzles in the format of ALTCHA 1, and check their solutions.

A puzzle is the SHA-256 of a salt and a secret number. The browser tries numbers until the hash is
the same. Salt and hash are signed together, so that no digit moves from one to the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from flask import current_app
from limits.storage import MemoryStorage
from redis import RedisError

from app.extensions import limiter
from app.kit import tokens
from app.kit.database import now

HOUR = 60 * 60
LONGEST_PROOF = 1000  # characters
MISSING = "Your browser did not solve the puzzle. Switch JavaScript on, and send the form again."
AGAIN = "The puzzle of this page was used already, or is too old. Send the form again."

_local = MemoryStorage()  # counts if Redis is away, for each process by itself


@dataclass(frozen=True)
class Puzzle:
    """A puzzle, as the page gives it to the browser."""

    salt: str
    challenge: str
    signature: str
    most: int


def make() -> Puzzle:
    most = current_app.config["ALTCHA_NUMBERS"]
    salt = f"{int(now().timestamp()) + HOUR}.{secrets.token_urlsafe(16)}"
    challenge = _hash(salt, secrets.randbelow(most + 1))
    return Puzzle(salt, challenge, tokens.receipt(_signed(salt, challenge)), most)


def find_problem(proof: str) -> str:
    """Return the problem of a solution in words, or "". Each solution is good once."""
    if not current_app.config["ALTCHA"]:
        return ""
    given = _read(proof)
    if given is None:
        return MISSING
    salt, challenge, signature, number = given
    is_ours = tokens.is_receipt(signature, _signed(salt, challenge))
    if not is_ours or _hash(salt, number) != challenge:
        return MISSING
    if now().timestamp() > int(salt.partition(".")[0]) or not _is_first(challenge):
        return AGAIN
    return ""


def _read(proof: str) -> tuple[str, str, str, int] | None:
    """Return salt, challenge, signature and number of a proof: JSON in Base64."""
    if len(proof) > LONGEST_PROOF:
        return None
    try:
        given: Any = json.loads(base64.b64decode(proof, validate=True))
        texts = [given[name] for name in ("salt", "challenge", "signature")]
        number = given["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(number) is not int or not all(isinstance(one, str) and one.isascii() for one in texts):
        return None
    return texts[0], texts[1], texts[2], number


def _is_first(challenge: str) -> bool:
    key = f"altcha/{challenge}"
    if limiter.enabled:
        try:
            return limiter.storage.incr(key, HOUR) == 1
        except RedisError:
            current_app.logger.warning("Redis is away, so each process remembers puzzles by itself")
    return _local.incr(key, HOUR) == 1


def _hash(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _signed(salt: str, challenge: str) -> str:
    return f"altcha|{salt}|{challenge}"
