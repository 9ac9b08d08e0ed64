"""Password hashing and the one rule that every way of setting a password goes through."""

import string
import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash
from zxcvbn import matching, zxcvbn

MAX_LENGTH = 128
LEAST_SCORE = 3  # of 4: over 10^8 guesses
LEAST_UNRELATED = 6  # characters beside names and addresses
SHORTEST_RELATED_WORD = 3
EXAMINED_LENGTH = 48  # zxcvbn's time grows with the square of the length

# zxcvbn tries every way of reading digits and signs as letters. With its own table someone could
# think of a password that takes ten seconds; with the usual readings it takes milliseconds.
matching.L33T_TABLE.clear()
matching.L33T_TABLE.update(a="4@", e="3", i="1!", l="1", o="0", s="$5", t="7")

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes and one lane.
hasher = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)

# Checked when there is no hash to check, so that both cases take the same time.
_STAND_IN = hasher.hash("stand-in")


class WeakPassword(ValueError):
    """The password breaks the rule; the message is for the person who chose it."""


def normalise(password: str) -> str:
    """Return the form in which a password is counted and hashed (NFKC, NIST SP 800-63B-4)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return hasher.hash(normalise(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Tell whether `password` made `password_hash`, in the same time when there is no hash."""
    if len(password) > MAX_LENGTH * 4:
        return False
    attempt = normalise(password)
    if password_hash and not password_hash.startswith("$argon2"):
        return _verify_older(password_hash, attempt)
    try:
        return hasher.verify(password_hash or _STAND_IN, attempt) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def _verify_older(password_hash: str, attempt: str) -> bool:
    """Check a hash that Werkzeug made, as flask-base stored them."""
    try:
        return check_password_hash(password_hash, attempt)
    except ValueError:
        return False


def needs_rehash(password_hash: str) -> bool:
    """Tell whether a hash was made with another method or weaker parameters than today's."""
    return not password_hash.startswith("$argon2") or hasher.check_needs_rehash(password_hash)


def strength(password: str, related: Iterable[str] = ()) -> tuple[int, str]:
    """Return zxcvbn's score from 0 to 4 and a sentence that says how to do better.

    `related` are words that an attacker would try first: names, address, the app's name.
    """
    examined = normalise(password)[:EXAMINED_LENGTH]
    if not examined:
        return 0, ""
    result = zxcvbn(examined, user_inputs=[*_words(related)])
    feedback = result["feedback"]
    reason = feedback["warning"] or next(iter(feedback["suggestions"]), "")
    return result["score"], reason.rstrip(".")


def require_strong(password: str, *, least_length: int, related: Iterable[str] = ()) -> None:
    """Raise WeakPassword, with the reason, unless `password` may be used.

    Length counts characters after normalisation; no kind of character is asked for or refused
    (ASVS 5.0 6.2.1, 6.2.5, 6.2.9).
    """
    length = len(normalise(password))
    if length < least_length:
        raise WeakPassword(f"Use at least {least_length} characters.")
    if length > MAX_LENGTH:
        raise WeakPassword(f"Use at most {MAX_LENGTH} characters.")
    related = [*_words(related)]
    if _is_mostly_related(password, related):
        raise WeakPassword("This password is little more than a name or an address.")
    score, reason = strength(password, related)
    if score < LEAST_SCORE:
        detail = f" {reason}." if reason else ""
        raise WeakPassword(f"This password is too easy to guess.{detail}")


def _is_mostly_related(password: str, related: Iterable[str]) -> bool:
    """Tell whether little is left without the words that an attacker tries first."""
    whole = rest = normalise(password).lower()
    for word in sorted(related, key=len, reverse=True):
        if len(word) >= SHORTEST_RELATED_WORD:
            rest = rest.replace(word, "")
    left = sum(not c.isspace() and c not in string.punctuation for c in rest)
    return rest != whole and left < LEAST_UNRELATED


def _words(related: Iterable[str]) -> Iterable[str]:
    for phrase in related:
        lowered = phrase.lower().strip()
        parts = lowered.replace("@", " ").replace(".", " ").replace("-", " ").split()
        yield from (word for word in {lowered, lowered.replace("-", ""), *parts} if word)
