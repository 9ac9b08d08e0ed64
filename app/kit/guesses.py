"""Limit guesses at passwords, with separate limits for known browsers.

Every guess is counted before the password is checked (`app.kit.attempts`). A right guess is taken
off again.

A browser that has been signed in to the account, or has used a reset link, carries a signed mark.
Its guesses have a limit of their own, so strangers cannot use it up (OWASP, "Slow Down Online
Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.extensions import db, limiter
from app.kit import attempts, passwords, tokens
from app.kit.attempts import Limit, key_of
from app.kit.web import origin

HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)
MARK = "known_browser"
MARK_DAYS = 180
MOST_MARKS = 3  # accounts that share a browser


# NIST SP 800-63B-4, section 3.2.2, allows an account 100 failures in a row. Known browsers and
# signed-in users have 40 of them together. Everybody else has 60: 30 that count against the
# account, and as many again from each network that do not (see SHARE). Signing in resets them all.
NETWORK = Limit("network", 30, 100, HOUR)
SITE = Limit("site", 120, 400, HOUR)
PAIR = Limit("account from a network", 10, 20, MONTH)
ACCOUNT = Limit("account", 10, 30, MONTH)
KNOWN = Limit("known browsers of an account", 10, 40, MONTH)

# Guesses from one network that count against the account in a quarter of an hour. So one stranger
# uses up half of the account's limit, and the owner can still sign in from another network.
SHARE = ACCOUNT.soon // 2


class TooManyGuesses(Exception):
    """Raised if no guess is left. `of_account` tells whether the account's limit was reached."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.name)
        self.of_account = limit in (PAIR, ACCOUNT)


def _count(limit: Limit, key: str, *, step: int = 1) -> int:
    try:
        return attempts.count(limit, key, step=step)
    except attempts.TooMany:
        raise TooManyGuesses(limit) from None


@dataclass(frozen=True)
class Guess:
    """A counted guess, and the keys of its counters."""

    of_networks: tuple[str, ...] = ()
    of_account: tuple[str, ...] = ()

    def was_right(self) -> None:
        """Take the guess off again and reset the account's counters. The caller commits."""
        attempts.take_back(self.of_networks)
        attempts.reset(self.of_account)


def at_sign_in(email: str, *, is_known: bool) -> Guess:
    """Count a guess at the password of the account with `email`, even if there is no account.

    `email` is normalised. Raises TooManyGuesses. Commits.
    """
    if not limiter.enabled:
        return Guess()
    if is_known:
        return _by_owner(email)
    account = key_of(ACCOUNT, email)
    network, site = origin.visitor_network(), origin.visitor_site()
    pair = key_of(PAIR, f"{email} {site}")
    networks = [(NETWORK, key_of(NETWORK, network))]
    if site != network:
        networks.append((SITE, key_of(SITE, site)))
    passwords.lane.ensure_room()
    attempts.begin()
    for limit, key in networks:
        _count(limit, key)
    from_here = _count(PAIR, pair)
    _count(ACCOUNT, account, step=1 if from_here <= SHARE else 0)
    db.session.commit()
    known = key_of(KNOWN, email)
    return Guess(tuple(key for _, key in networks), (pair, account, known))


def at_own_password(email: str) -> Guess:
    """Count a guess of a signed-in user at their own password, on any page that asks for it.

    Raises TooManyGuesses. Commits.
    """
    return _by_owner(email) if limiter.enabled else Guess()


def _by_owner(email: str) -> Guess:
    account, known = (key_of(limit, email) for limit in (ACCOUNT, KNOWN))
    passwords.lane.ensure_room()
    attempts.begin()
    _count(KNOWN, known)
    db.session.commit()
    return Guess((), (account, known))


def forget(email: str) -> None:
    """Reset the counters of an account whose password has changed. The caller commits."""
    Guess((), tuple(key_of(limit, email) for limit in (ACCOUNT, KNOWN))).was_right()


# The marks of known browsers


def add_mark(user_id: int, state: str, marks: str) -> str:
    """Add a mark of a user to `marks`, the value of a cookie, and return the new value.

    The mark is valid while `state` stays the same, for MARK_DAYS at most.
    """
    mark = tokens.make(MARK, user_id, state, expires_in=MARK_DAYS * 24 * 60 * 60)
    others = [one for one in _marks(marks) if not _is_of(one, user_id)]
    return "~".join([mark, *others][:MOST_MARKS])


def has_mark(user_id: int, state: str, marks: str) -> bool:
    """Tell whether `marks` has a valid one of this user."""
    read = (tokens.read(MARK, mark) for mark in _marks(marks))
    return any(one and one.user_id == user_id and one.matches(state) for one in read)


def _is_of(mark: str, user_id: int) -> bool:
    content = tokens.read(MARK, mark)
    return content is not None and content.user_id == user_id


def _marks(value: str) -> list[str]:
    marks = value[: MOST_MARKS * tokens.LONGEST_TOKEN].split("~")
    return [mark for mark in marks if mark][:MOST_MARKS]
