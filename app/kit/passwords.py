"""Password hashing and the one rule that every way of setting a password goes through."""

import string
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import islice, pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash
from zxcvbn import matching, zxcvbn

from app.kit.common_passwords import COMMON_WORDS, common_passwords

MAX_LENGTH = 128
LEAST_SCORE = 3  # of 4: over 10^8 guesses
LEAST_UNRELATED = 6  # characters beside names and addresses
SHORTEST_RELATED_WORD = 3
EXAMINED_LENGTH = 32  # zxcvbn's time grows with the square of the length
EXAMINED_WORDS = 40  # of names and addresses
LEAST_STEPS = 5  # characters that neither repeat the one before nor are its neighbour

# zxcvbn tries every way of reading digits and signs as letters. With its own table someone could
# think of a password that takes ten seconds; with the usual readings it takes milliseconds.
matching.L33T_TABLE.clear()
matching.L33T_TABLE.update(a="4@", e="3", i="1!", l="1", o="0", s="$5", t="7")

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes and one lane.
hasher = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)

TOO_EASY = "This password is too easy to guess."


class WeakPassword(ValueError):
    """The password breaks the rule; the message is for the person who chose it."""


def normalise(password: str) -> str:
    """Return the form in which a password is counted and hashed (NFKC, NIST SP 800-63B-4)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return hasher.hash(normalise(password))


@cache
def _stand_in() -> str:
    """Return a hash to check when there is none, so that both cases cost the same work."""
    return hasher.hash("stand-in")


def verify(password_hash: str | None, password: str, *, older: Iterable[str] = ()) -> bool:
    """Tell whether `password` made `password_hash`.

    Every attempt costs one argon2, and one of each `older` method (older_method), whether there is
    a hash and whatever made it: a stand-in is checked for each that is not the hash's own.
    """
    if len(password) > MAX_LENGTH * 4:
        return False
    attempt = normalise(password)
    hashes = {"": _stand_in()} | {method: f"{method}$stand-in$00" for method in older}
    own = older_method(password_hash or "")
    if password_hash:
        hashes[own] = password_hash
    verified = {method: _verify(hashed, attempt) for method, hashed in hashes.items()}
    return bool(password_hash) and verified[own]


def _verify(password_hash: str, attempt: str) -> bool:
    try:
        if older_method(password_hash):
            return check_password_hash(password_hash, attempt)
        return hasher.verify(password_hash, attempt)
    except (VerificationError, InvalidHashError, ValueError):
        return False


def older_method(password_hash: str) -> str:
    """Return what Werkzeug made a hash with, as flask-base stored them, or "" for argon2.

    Such as `scrypt:32768:8:1` or `pbkdf2:sha256:50000`.
    """
    return password_hash.partition("$")[0]


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
    result = zxcvbn(examined, user_inputs=[*islice(_words(related), EXAMINED_WORDS)])
    feedback = result["feedback"]
    reason = feedback["warning"] or next(iter(feedback["suggestions"]), "")
    return result["score"], reason.rstrip(".")


def judge(password: str, *, least_length: int, related: Iterable[str] = ()) -> tuple[int, str]:
    """Return a score from 0 to 4 and, unless `password` may be used, why not.

    Characters are counted as they are typed and as they are hashed: one may be normalised to many,
    or many to one. No kind of character is asked for or refused (ASVS 5.0 6.2.1, 6.2.5, 6.2.9).
    """
    normal = normalise(password[: 2 * MAX_LENGTH])
    if max(len(password) - MAX_LENGTH, len(normal)) > MAX_LENGTH:
        return 0, f"Use at most {MAX_LENGTH} characters."
    related = [*_words(related)]
    # Of a repetition, what is repeated: zxcvbn would see half of a long one.
    unit = normal[: (normal * 2).find(normal, 1)]
    score, reason = strength(unit, related)
    if min(len(password), len(normal)) < least_length:
        return score, f"Use at least {least_length} characters."
    if _is_mostly_made_of(related, normal.lower()):
        return score, "This password is little more than a name or an address."
    if score < LEAST_SCORE:
        return score, f"{TOO_EASY} {reason}." if reason else TOO_EASY
    plain = _without_accents(normal)
    is_common = plain in common_passwords() or _is_mostly_made_of(COMMON_WORDS, plain)
    if is_common or _steps(normal) < LEAST_STEPS:
        return 1, f"{TOO_EASY} Avoid common words, repeated characters and sequences."
    return score, ""


def require_strong(password: str, *, least_length: int, related: Iterable[str] = ()) -> None:
    """Raise WeakPassword, with the reason, unless `password` may be used (see judge)."""
    _score, problem = judge(password, least_length=least_length, related=related)
    if problem:
        raise WeakPassword(problem)


def _without_accents(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return normalise(bare)


def _steps(text: Iterable[str]) -> int:
    """Count the characters that begin something new: `aaa`, `1234` and `112233` are one each."""
    pairs = pairwise(map(ord, text))
    return 1 + sum(abs(one - other) > 1 for one, other in pairs)


def _is_mostly_made_of(words: Iterable[str], password: str) -> bool:
    """Tell whether little is left of `password` without words that an attacker tries first."""
    whole = rest = password
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= SHORTEST_RELATED_WORD or not word.isascii():
            rest = rest.replace(word, "")
    left = [c for c in rest if not c.isspace() and c not in string.punctuation]
    return rest != whole and _steps(left) < LEAST_UNRELATED


def _words(related: Iterable[str]) -> Iterable[str]:
    for phrase in related:
        lowered = phrase.lower().strip()
        parts = lowered.replace("@", " ").replace(".", " ").replace("-", " ").split()
        yield from (word for word in {lowered, lowered.replace("-", ""), *parts} if word)
