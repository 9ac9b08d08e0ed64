"""Turn a search into conditions: a name or the email contains every word of it.

A trigram index finds words of three or more characters. Shorter words are matched in every row.
With too many users, they are matched at the beginning of names and emails only, by an index.
"""

import itertools
from typing import Any

from flask import g
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    and_,
    collate,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    table,
    union_all,
)
from sqlalchemy.sql.elements import Grouping

from app.extensions import db, is_sqlite
from app.features.user_search.services import rarity
from app.kit.names import SIGMA
from app.kit.tables.search import COLLATION, TRIGRAM, contains, folded, pattern, phrase
from app.kit.tables.search import words as words_of
from app.models import User

A_LOOK_AT_EACH = 10_000  # users to match row by row at most; this takes some milliseconds
COLUMNS = User.__table__.c
NAMES = (COLUMNS.first_name, COLUMNS.last_name, COLUMNS.email)

trigrams = table(
    "users_search",
    column("rowid", Integer),
    column("users_search"),
    *(column(name.name, String) for name in NAMES),
)


# This is an expression and not a column, so the index does not search for the whole word again.
_space: ColumnElement[str] = literal_column("' '")
_found: Any = trigrams.c
_written = (
    _found.first_name.concat(_space).concat(_found.last_name).concat(_space).concat(_found.email)
)


def _folded(text: Any) -> ColumnElement[str]:
    """Return `text` folded in SQL, as `names.fold` does. SQLite's lower() folds ASCII only.

    PostgreSQL gets an explicit collation. The locale of the database may not fold I to i.
    """
    if is_sqlite():
        return func.lower(text)
    # COLLATE binds more tightly than ||, but the index is on the whole expression.
    return func.lower(collate(Grouping(text), COLLATION))


def long_words(search: str) -> list[str]:
    """Return the distinct words that the trigram index can find, in lower case."""
    return [word for word in words_of(search) if len(word) >= TRIGRAM]


def short_words(search: str) -> list[str]:
    """Return the words that are too short for the trigram index, longest first, in lower case."""
    short = [word for word in words_of(search) if len(word) < TRIGRAM]
    return sorted(short, key=len, reverse=True)


def is_rare(search: str) -> bool:
    """Tell whether probably few users match all the long words of a search."""
    return any(rarity.is_rare(word) for word in long_words(search))


def are_few() -> bool:
    """Tell whether there are few enough users to match short words row by row."""
    if "people_are_few" not in g:
        some = select(literal_column("1")).select_from(User).limit(A_LOOK_AT_EACH + 1).subquery()
        count = db.session.scalar(select(func.count()).select_from(some)) or 0
        g.people_are_few = count <= A_LOOK_AT_EACH
    return bool(g.people_are_few)


def anywhere(search: str, *, is_leading: bool = True) -> list[ColumnElement[bool]]:
    """Return the conditions that a name or the email contains each long word.

    With `is_leading`, an index finds the rows. Otherwise the conditions filter rows that another
    index finds.
    """
    long = long_words(search)
    if not is_sqlite():
        # A different expression stops PostgreSQL from using the index. It cannot estimate how rare
        # a word is, and would collect all users with a common one.
        document = folded(NAMES)  # the expression of the index ix_users_folded
        unindexed = document.concat(literal_column("''"))
        if not is_leading:
            return [_has_in_order(document, unindexed, word) for word in long]
        conditions: list[ColumnElement[bool]] = []
        for word in long:
            part = rarity.rare_part(word)
            conditions.append(contains(document, part))
            if part != word:
                conditions.append(contains(unindexed, word))
        return conditions
    if is_leading and long:
        return [COLUMNS.id.in_(matches(search).scalar_subquery())]
    conditions = []
    for word in long:
        if word.isascii():
            # LIKE ignores the case of ASCII letters only, like SQLite's lower().
            found = [name.like(pattern(word), escape="\\") for name in NAMES]
            conditions.append(or_(*found))
        else:
            conditions.append(exists(matches(word).where(trigrams.c.rowid == COLUMNS.id)))
    return conditions


def _has_in_order(
    document: ColumnElement[str], unindexed: ColumnElement[str], word: str
) -> ColumnElement[bool]:
    """Return the condition for users who are read in the order of the list until a page is full.

    PostgreSQL expects a third of all rows from a comparison, so it reads along the index. From LIKE
    it expects next to none if the word is long, and so it would read and sort every user.
    """
    return contains(unindexed, word) if SIGMA in word else func.strpos(document, word) > 0


def short(search: str, *, is_leading: bool = True) -> list[ColumnElement[bool]]:
    """Return the conditions for the short words: a name or the email contains each of them.

    With too many users, a name or the email has to begin with the word instead.
    """
    words = short_words(search)
    if words and are_few():
        return [_has(word) for word in words]
    if not is_leading:
        return [_begins(word) for word in words]
    if not is_sqlite():
        return [_begins_in_index(word) for word in words]
    # The first word finds the rows by index ranges, and the others filter them.
    leading = [COLUMNS.id.in_(beginnings(word)) for word in words[:1]]
    return [*leading, *(_begins(word) for word in words[1:])]


def finds(search: str) -> ColumnElement[bool]:
    """Return the condition that SQLite's trigram index has the long words of a search.

    The index finds the rare parts of the words, and LIKE compares the matches with whole words.
    """
    # LIKE is case-sensitive for non-ASCII letters, so the index matches such words as a whole.
    parts = {
        word: rarity.rare_part(word) if word.isascii() else word for word in long_words(search)
    }
    whole = [
        _written.like(pattern(word), escape="\\") for word, part in parts.items() if part != word
    ]
    query = " AND ".join(map(phrase, parts.values()))
    return and_(trigrams.c.users_search.bool_op("MATCH")(query), *whole)


def matches(search: str) -> Select[Any]:
    """Return SQLite's query for the ids of users that match the long words of a search."""
    return select(trigrams.c.rowid).where(finds(search))


def _has(word: str) -> ColumnElement[bool]:
    # SQLite's lower() folds ASCII letters only.
    spellings = [word] if word.isascii() or not is_sqlite() else _spellings(word)
    found = [contains(_folded(name), spelling) for spelling in spellings for name in NAMES]
    return or_(*found)


def _spellings(word: str) -> list[str]:
    """Return all spellings of a word in upper and lower case."""
    letters = [{letter, letter.upper()} for letter in word]
    return sorted("".join(each) for each in itertools.product(*letters))


def _begins(word: str) -> ColumnElement[bool]:
    return or_(*(_folded(name).startswith(word, autoescape=True) for name in NAMES))


def beginnings(word: str) -> CompoundSelect[Any]:
    """Return SQLite's query for the ids of users with a name or email that begins with a word.

    SQLite's indexes are case-sensitive, so each spelling is a range, and a user may be in several.
    These indexes exclude deleted users.
    """
    ranges = [(name, start) for name in NAMES[:2] for start in _spellings(word)]
    found = [
        select(COLUMNS.id).where(COLUMNS.deleted_at.is_(None), name >= start, name < _after(start))
        for name, start in [*ranges, (COLUMNS.email, word)]
    ]
    return union_all(*found)


def _after(start: str) -> str:
    """Return the first text that no longer begins with `start`."""
    last = ord(start[-1]) + 1
    return start[:-1] + chr(0xE000 if 0xD800 <= last <= 0xDFFF else min(last, 0x10FFFF))


def _begins_in_index(word: str) -> ColumnElement[bool]:
    # The index has trigrams for the beginnings of words, so it narrows these conditions down.
    document = folded(NAMES)
    begins = document.startswith(word, autoescape=True)
    return and_(or_(begins, document.contains(" " + word, autoescape=True)), _begins(word))
