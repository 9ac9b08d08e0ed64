"""How often someone may guess at a password, and which browsers have guesses of their own.

Every guess is counted before the password is looked at, in a statement that the database makes one
after the other, so guesses at the same moment cannot pass together. A guess that was right is taken
off again. The counters are rows: all web processes share them, whatever becomes of Redis.

A browser that has been signed in to the account, or has used a link for a new password, carries a
signed mark. Its guesses have an allowance of their own, so strangers cannot use it up (OWASP, "Slow
Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, Integer, and_, bindparam, case, delete, or_, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from app.extensions import db, is_sqlite, limiter
from app.kit import tokens
from app.kit.database import UtcDateTime, now
from app.kit.web import origin
from app.models import PasswordGuesses, User
from app.models.user import canonical_email

QUARTER_OF_AN_HOUR = timedelta(minutes=15)
HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)
MARK = "known_browser"
MARK_DAYS = 180
MOST_MARKS = 3  # accounts that share a browser


@dataclass(frozen=True)
class Limit:
    """How many guesses a key has in a quarter of an hour, and how many in a longer time."""

    name: str
    soon: int
    later: int
    later_is: timedelta


# NIST SP 800-63B-4, section 3.2.2, allows an account 100 failures in a row. A known browser and the
# pages of who is signed in have 40 together. Everybody else has 60: 30 that count, and from each
# network as many again that do not (see SHARE). Signing in begins all of it anew.
NETWORK = Limit("network", 30, 100, HOUR)
SITE = Limit("site", 120, 400, HOUR)
PAIR = Limit("account from a network", 10, 20, MONTH)
ACCOUNT = Limit("account", 10, 30, MONTH)
KNOWN = Limit("known browsers of an account", 10, 40, MONTH)

# Guesses from one network that count against the account in a quarter of an hour. So one stranger
# uses up half of what all have, and the owner gets in from elsewhere.
SHARE = ACCOUNT.soon // 2


class TooManyGuesses(Exception):
    """No guess is left; `of_account` tells whether it is the account that has had too many."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.name)
        self.of_account = limit in (PAIR, ACCOUNT)


@dataclass(frozen=True)
class Guess:
    """A guess that has been counted, under these keys."""

    of_networks: tuple[str, ...] = ()
    of_account: tuple[str, ...] = ()

    def was_right(self) -> None:
        """Take the guess off again, and begin the account's counters anew. The caller commits."""
        for change, keys in ((_LESS, self.of_networks), (_NONE, self.of_account)):
            if keys:
                # In the order in which they were counted, so that no two wait for each other.
                db.session.connection().execute(change, [{"its_key": key} for key in keys])


def at_sign_in(email: str, *, is_known: bool) -> Guess:
    """Count a guess at the password of the account with `email`, whether there is one or not.

    Raises TooManyGuesses. Commits.
    """
    if not limiter.enabled:
        return Guess()
    if is_known:
        return _by_owner(email)
    account = _key(ACCOUNT, canonical_email(email))
    network, site = origin.visitor_network(), origin.visitor_site()
    pair = _key(PAIR, f"{canonical_email(email)} {site}")
    networks = [(NETWORK, _key(NETWORK, network))]
    if site != network:
        networks.append((SITE, _key(SITE, site)))
    _begin()
    for limit, key in networks:
        _count(limit, key)
    from_here = _count(PAIR, pair)
    _count(ACCOUNT, account, step=1 if from_here <= SHARE else 0)
    db.session.commit()
    known = _key(KNOWN, canonical_email(email))
    return Guess(tuple(key for _, key in networks), (pair, account, known))


def at_own_password(user: User) -> Guess:
    """Count a guess at the password of whoever is signed in, on whichever page it is asked for.

    Raises TooManyGuesses. Commits.
    """
    return _by_owner(user.email) if limiter.enabled else Guess()


def _by_owner(email: str) -> Guess:
    account, known = (_key(limit, canonical_email(email)) for limit in (ACCOUNT, KNOWN))
    _begin()
    _count(KNOWN, known)
    db.session.commit()
    return Guess((), (account, known))


def forget(user: User) -> None:
    """Begin the counters of the account anew, as its password has changed. The caller commits."""
    email = canonical_email(user.email)
    Guess((), tuple(_key(limit, email) for limit in (ACCOUNT, KNOWN))).was_right()


# The marks of known browsers


def add_mark(user: User, marks: str) -> str:
    """Return `marks`, the value of a cookie, with one that says that the browser is `user`'s."""
    mark = tokens.make(MARK, user.id, _state(user), expires_in=MARK_DAYS * 24 * 60 * 60)
    others = [one for one in _marks(marks) if not _is_of(one, user)]
    return "~".join([mark, *others][:MOST_MARKS])


def knows(email: str, marks: str) -> bool:
    """Tell whether one of `marks` is of the account with `email`, and of its present password."""
    if not marks:
        return False
    user = User.by_email(email)
    if user is None:
        return False
    read = (tokens.read(MARK, mark) for mark in _marks(marks) if _is_of(mark, user))
    return any(content is not None and content.matches(_state(user)) for content in read)


def _is_of(mark: str, user: User) -> bool:
    content = tokens.read(MARK, mark)
    return content is not None and content.user_id == user.id


def _marks(value: str) -> list[str]:
    marks = value[: MOST_MARKS * tokens.LONGEST_TOKEN].split("~")
    return [mark for mark in marks if mark][:MOST_MARKS]


def _state(user: User) -> str:
    return f"{user.email}|{user.password_hash}"


# The counters


def purge() -> int:
    """Delete the counters whose windows are over, and return how many there were."""
    result = db.session.execute(
        delete(PasswordGuesses).where(
            PasswordGuesses.long_ends_at < now(), PasswordGuesses.short_ends_at < now()
        )
    )
    db.session.commit()
    return cast("CursorResult[Any]", result).rowcount


def _statement(*, is_sqlite: bool) -> ReturningInsert[int]:
    """Return what counts up one counter: it changes and returns no row if nothing is left."""
    columns, at = _TABLE.c, bindparam("at", type_=UtcDateTime)
    step = bindparam("step", type_=Integer)
    soon_ends, later_ends = (bindparam(n, type_=UtcDateTime) for n in ("soon_ends", "later_ends"))
    soon_is_over, later_is_over = columns.short_ends_at <= at, columns.long_ends_at <= at
    new = (sqlite.insert if is_sqlite else postgresql.insert)(PasswordGuesses).values(
        key=bindparam("its_key"),
        short_count=step,
        short_ends_at=soon_ends,
        long_count=step,
        long_ends_at=later_ends,
    )
    counted: Any = new.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "short_count": case((soon_is_over, step), else_=columns.short_count + step),
            "short_ends_at": case((soon_is_over, soon_ends), else_=columns.short_ends_at),
            "long_count": case((later_is_over, step), else_=columns.long_count + step),
            "long_ends_at": case((later_is_over, later_ends), else_=columns.long_ends_at),
        },
        where=and_(
            or_(soon_is_over, columns.short_count < bindparam("soon")),
            or_(later_is_over, columns.long_count < bindparam("later")),
        ),
    )
    return cast("ReturningInsert[int]", counted.returning(columns.short_count))


def _key(limit: Limit, about: str) -> str:
    secret = current_app.config["SECRET_KEY"].encode()
    return hmac.digest(secret, f"{limit.name}|{about}".encode(), hashlib.sha256).hex()


def _begin() -> None:
    """Spare these commits the wait for the disk: a counter that a crash sets back does no harm."""
    if not is_sqlite():
        db.session.execute(text("SET LOCAL synchronous_commit TO off"))


def _count(limit: Limit, key: str, *, step: int = 1) -> int:
    """Add `step` to a counter and return what its short window has come to.

    Raises TooManyGuesses, and leaves everything as it was, if nothing is left.
    """
    at = now()
    values: dict[str, datetime | int | str] = {
        "its_key": key,
        "step": step,
        "at": at,
        "soon": limit.soon,
        "later": limit.later,
        "soon_ends": at + QUARTER_OF_AN_HOUR,
        "later_ends": at + limit.later_is,
    }
    count = db.session.connection().execute(_statement(is_sqlite=is_sqlite()), values).scalar()
    if count is None:
        db.session.rollback()
        raise TooManyGuesses(limit)
    return int(count)


_TABLE = PasswordGuesses.__table__
_IS_MINE = _TABLE.c.key == bindparam("its_key")
_NONE = update(_TABLE).where(_IS_MINE).values(short_count=0, long_count=0)
_LESS = (
    update(_TABLE)
    .where(_IS_MINE, _TABLE.c.short_count > 0, _TABLE.c.long_count > 0)
    .values(short_count=_TABLE.c.short_count - 1, long_count=_TABLE.c.long_count - 1)
)
