"""Which people a search finds: those with every word of it, anywhere in a name or an address.

Words of three characters and more are looked up in an index of trigrams, which has nothing shorter.
Shorter ones are looked for in each row, or, where there are too many, in the indexes of what names
and addresses begin with.
"""

import itertools
from collections.abc import Sequence
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
from app.features.user_search.services.rarity import TRIGRAM
from app.kit.names import FINAL_SIGMA, SIGMA, fold, normalise
from app.models import User

LONGEST_SEARCH = 200
COLLATION = "fold"  # by which PostgreSQL folds case; a migration makes it
A_LOOK_AT_EACH = 10_000  # people at most, at whom a look takes some thousandths of a second
COLUMNS = User.__table__.c
NAMES = (COLUMNS.first_name, COLUMNS.last_name, COLUMNS.email)

trigrams = table(
    "users_search",
    column("rowid", Integer),
    column("users_search"),
    *(column(name.name, String) for name in NAMES),
)


def _in_one(names: Any) -> ColumnElement[str]:
    """Return the names and the address as one text, apart as no word has a space."""
    space: ColumnElement[str] = literal_column("' '")
    text: ColumnElement[str] = (
        names.first_name.concat(space).concat(names.last_name).concat(space).concat(names.email)
    )
    return text


# This is no column of the index, which would look for the whole word again.
_written = _in_one(trigrams.c)


def _folded(text: Any) -> ColumnElement[str]:
    """Return what names.fold makes of `text`, in SQL: SQLite's lower() knows but ASCII.

    PostgreSQL's would go by the locale of the database, in which I may be another letter than i.
    """
    if is_sqlite():
        return func.lower(text)
    # COLLATE binds more tightly than ||, and the index is of the whole.
    return func.lower(collate(Grouping(text), COLLATION))


def _contains(folded: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Return the condition that a text, as `_folded` returns it, has a word of names.fold."""
    if SIGMA not in word or is_sqlite():
        return folded.contains(word, autoescape=True)
    # lower() writes the last sigma of a word in another way. To write all in one takes as long as
    # lower() itself, so it is done of what has the other letters.
    same = func.translate(folded, literal_column(f"'{FINAL_SIGMA}'"), literal_column(f"'{SIGMA}'"))
    return and_(
        folded.like(_pattern(word).replace(SIGMA, "_"), escape="\\"),
        same.contains(word, autoescape=True),
    )


def _document() -> ColumnElement[str]:
    """Return the names and the address as PostgreSQL's index ix_users_folded has them."""
    return _folded(_in_one(COLUMNS))


def tidy(search: str) -> str:
    """Return a search without what no name can hold, no longer than a search may be."""
    text = normalise(search.replace("\0", "").encode(errors="replace").decode())
    return " ".join(text.split())[:LONGEST_SEARCH].rstrip()


def long_words(search: str) -> list[str]:
    """Return the words that are looked for anywhere, each once, in lower case."""
    return [word for word in _words(search) if len(word) >= TRIGRAM]


def short_words(search: str) -> list[str]:
    """Return the words that are too short for the index, the longest first, in lower case."""
    short = [word for word in _words(search) if len(word) < TRIGRAM]
    return sorted(short, key=len, reverse=True)


def is_rare(search: str) -> bool:
    """Tell whether few people, most likely, have all the long words of a search."""
    return any(rarity.is_rare(word) for word in long_words(search))


def are_few() -> bool:
    """Tell whether short words are found anywhere: each of the people is looked at for them."""
    if "people_are_few" not in g:
        some = select(literal_column("1")).select_from(User).limit(A_LOOK_AT_EACH + 1).subquery()
        count = db.session.scalar(select(func.count()).select_from(some)) or 0
        g.people_are_few = count <= A_LOOK_AT_EACH
    return bool(g.people_are_few)


def _words(search: str) -> list[str]:
    return list(dict.fromkeys(fold(tidy(search)).split()))


def anywhere(search: str, *, is_leading: bool = True) -> list[ColumnElement[bool]]:
    """Return the conditions that a name or an address has each long word.

    Unless these are leading, people who were found in another way are looked at row by row.
    """
    long = long_words(search)
    if not is_sqlite():
        # An expression that is not the index's keeps PostgreSQL from it: it cannot tell how rare a
        # word is, and would gather everyone who has a common one.
        document = _document()
        aside = document.concat(literal_column("''"))
        if not is_leading:
            return [_contains(aside, word) for word in long]
        conditions: list[ColumnElement[bool]] = []
        for word in long:
            part = rarity.rare_part(word)
            conditions.append(_contains(document, part))
            if part != word:
                conditions.append(_contains(aside, word))
        return conditions
    if is_leading and long:
        return [COLUMNS.id.in_(matches(search).scalar_subquery())]
    conditions = []
    for word in long:
        if word.isascii():
            # LIKE has no regard to the case of ASCII, and lower() knows no other either.
            found = [name.like(_pattern(word), escape="\\") for name in NAMES]
            conditions.append(or_(*found))
        else:
            conditions.append(exists(matches(word).where(trigrams.c.rowid == COLUMNS.id)))
    return conditions


def short(search: str, *, is_leading: bool = True) -> list[ColumnElement[bool]]:
    """Return the conditions that a name or an address has, or begins with, each short word."""
    words = short_words(search)
    if words and are_few():
        return [_has(word) for word in words]
    if not is_leading:
        return [_begins(word) for word in words]
    if not is_sqlite():
        return [_begins_in_index(word) for word in words]
    # One of them finds the rows, by its ranges; the others look at what it has found.
    leading = [COLUMNS.id.in_(beginnings(word)) for word in words[:1]]
    return [*leading, *(_begins(word) for word in words[1:])]


def sought(search: str) -> tuple[str, list[str]]:
    """Return what SQLite's index of trigrams is asked for, and the patterns of what it finds."""
    # LIKE has regard to the case of letters beyond ASCII, so such words are left to the index.
    parts = [
        (word, rarity.rare_part(word) if word.isascii() else word) for word in long_words(search)
    ]
    # A phrase in quotation marks has no syntax of its own; within it they are doubled.
    # It keeps the dotted capital of Turkish, of which lower() makes two characters.
    query = " AND ".join(
        '"' + part.replace('"', '""').replace("i\u0307", "İ") + '"' for _word, part in parts
    )
    return query, [_pattern(word) for word, part in parts if part != word]


def fits(query: Any, patterns: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a row of SQLite's index is what `sought` tells, or parameters."""
    whole = [_written.like(pattern, escape="\\") for pattern in patterns]
    return and_(trigrams.c.users_search.bool_op("MATCH")(query), *whole)


def finds(search: str) -> ColumnElement[bool]:
    """Return the condition that SQLite's index of trigrams has the long words of a search."""
    return fits(*sought(search))


def matches(search: str) -> Select[Any]:
    """Return SQLite's query for the ids of users who have the long words of a search."""
    return select(trigrams.c.rowid).where(finds(search))


def _pattern(word: str) -> str:
    return "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _has(word: str) -> ColumnElement[bool]:
    # SQLite's lower() knows no letters but those of ASCII.
    ways = [word] if word.isascii() or not is_sqlite() else _ways(word)
    found = [_contains(_folded(name), way) for way in ways for name in NAMES]
    return or_(*found)


def _ways(word: str) -> list[str]:
    """Return each way to write a word in upper and lower case."""
    letters = [{letter, letter.upper()} for letter in word]
    return sorted("".join(each) for each in itertools.product(*letters))


def _begins(word: str) -> ColumnElement[bool]:
    return or_(*(_folded(name).startswith(word, autoescape=True) for name in NAMES))


def beginnings(word: str) -> CompoundSelect[Any]:
    """Return SQLite's query for the ids of users whose name or address begins with a short word.

    SQLite's indexes tell upper case from lower, so each way to write it is a range. Someone may be
    in several. Those who are deleted are in none of these indexes.
    """
    ranges = [(name, start) for name in NAMES[:2] for start in _ways(word)]
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
    # The beginnings of words are trigrams too, so the index narrows these down.
    return and_(
        or_(
            _document().startswith(word, autoescape=True),
            _document().contains(" " + word, autoescape=True),
        ),
        _begins(word),
    )
