"""Judge every new password by one rule, and by the checks that features add."""

import string
import unicodedata
from collections.abc import Callable, Iterable
from itertools import islice, pairwise

from zxcvbn import matching, zxcvbn

from app.kit.passwords import MAX_LENGTH, WeakPassword, normalise
from app.kit.passwords.common_passwords import COMMON_WORDS, common_passwords

LEAST_SCORE = 3  # of 4: over 10^8 guesses
LEAST_UNRELATED = 6  # characters besides names and emails
SHORTEST_RELATED_WORD = 3
EXAMINED_LENGTH = 32  # zxcvbn's time grows with the square of the length
EXAMINED_WORDS = 40  # from names and emails
LEAST_STEPS = 5  # characters that neither repeat nor neighbour the previous one

# zxcvbn tries every way of reading digits and signs as letters. With its own table, a crafted
# password takes ten seconds. With this table it takes milliseconds.
matching.L33T_TABLE.clear()
matching.L33T_TABLE.update(a="4@", e="3", i="1!", l="1", o="0", s="$5", t="7")

TOO_EASY = "This password is too easy to guess."

FindProblem = Callable[[str], str]
_checks: list[FindProblem] = []


def strength(password: str, related: Iterable[str] = ()) -> tuple[int, str]:
    """Return zxcvbn's score from 0 to 4, and a hint for a stronger password.

    `related` holds words that an attacker would try first: names, the email, the app's name.
    """
    examined = normalise(password)[:EXAMINED_LENGTH]
    if not examined:
        return 0, ""
    result = zxcvbn(examined, user_inputs=[*islice(_words(related), EXAMINED_WORDS)])
    feedback = result["feedback"]
    reason = feedback["warning"] or next(iter(feedback["suggestions"]), "")
    return result["score"], reason.rstrip(".")


def judge(password: str, *, least_length: int, related: Iterable[str] = ()) -> tuple[int, str]:
    """Return a score from 0 to 4, and the problem if `password` may not be used.

    Characters are counted before and after normalisation, because one may become many, or many may
    become one. No kind of character is required or refused (ASVS 5.0 6.2.1, 6.2.5, 6.2.9).
    """
    normal = normalise(password[: 2 * MAX_LENGTH])
    if max(len(password) - MAX_LENGTH, len(normal)) > MAX_LENGTH:
        return 0, f"Use at most {MAX_LENGTH} characters."
    related = [*_words(related)]
    # A repeated password is reduced to its unit, because zxcvbn reads only half of a long one.
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


def new_password_check(find_problem: FindProblem) -> FindProblem:
    """Call the decorated function with each new password that the rule accepts.

    It returns the problem of the password, or "". It may ask another server, so no transaction is
    open meanwhile.
    """
    _checks.append(find_problem)
    return find_problem


def require_strong(password: str, *, least_length: int, related: Iterable[str] = ()) -> None:
    """Raise WeakPassword, with the reason, if `password` breaks the rule (see judge) or a check.

    The caller ends its transaction first.
    """
    _score, problem = judge(password, least_length=least_length, related=related)
    if problem := problem or next(filter(None, (check(password) for check in _checks)), ""):
        raise WeakPassword(problem)


def _without_accents(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return normalise(bare)


def _steps(text: Iterable[str]) -> int:
    """Count the characters that start a new sequence: `aaa`, `1234` and `112233` count as one."""
    pairs = pairwise(map(ord, text))
    return 1 + sum(abs(one - other) > 1 for one, other in pairs)


def _is_mostly_made_of(words: Iterable[str], password: str) -> bool:
    """Return whether little is left of `password` after removing `words`."""
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
