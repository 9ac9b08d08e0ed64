"""Limit guesses at codes: those of the second step, and those of other ways to sign in."""

from collections.abc import Mapping

from app.extensions import db, limiter
from app.kit import attempts
from app.kit.attempts import Limit, key_of
from app.kit.guesses import MONTH, NETWORK, Guess, TooManyGuesses
from app.kit.web import origin

# Only the user or someone with the password reaches the second step, and a known browser has a
# limit apart. A code of six digits is valid for three steps, so 40 guesses succeed once in 8,000.
STEP = Limit("second step", 10, 40, MONTH)
KNOWN_STEP = Limit("second step in known browsers", 10, 40, MONTH)


def count(user_id: int, *, is_known: bool) -> Guess:
    """Count a guess at a code of a user, who has given the password. Commits.

    `is_known` says that the browser was signed in to the account before. Raises TooManyGuesses.
    """
    about = {} if is_known else {NETWORK: origin.visitor_network()}
    return count_each(about | {KNOWN_STEP if is_known else STEP: str(user_id)})


def count_each(about: Mapping[Limit, str]) -> Guess:
    """Count a guess under each limit. The last limit is that of the account. Commits.

    Raises TooManyGuesses.
    """
    if not limiter.enabled:
        return Guess()
    keys = {limit: key_of(limit, key) for limit, key in about.items()}
    attempts.begin()
    for limit, key in keys.items():
        try:
            attempts.count(limit, key)
        except attempts.TooMany:
            raise TooManyGuesses(limit) from None
    db.session.commit()
    *networks, account = keys.values()
    return Guess(tuple(networks), (account,))
