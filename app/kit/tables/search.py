"""Search the text columns of a table: a row matches if each word is in one of them.

A migration may add an index of trigrams (app/kit/database/search_index.py), which finds words of
three or more characters. Without it the same rows are found, by a look at each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    collate,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.sql.elements import Grouping

from app.extensions import db, is_sqlite
from app.kit.names import FINAL_SIGMA, SIGMA, fold, normalise

LONGEST_SEARCH = 200
COLLATION = "fold"  # for case folding in PostgreSQL; the migration of an index creates it
TRIGRAM = 3
FEW = (
    1_000  # matches that are gathered and sorted; with more, the order is read until a page is full
)


def tidy(given: str) -> str:
    """Normalise a search, and shorten it to LONGEST_SEARCH characters."""
    clean = normalise(given.replace("\0", "").encode(errors="replace").decode())
    return " ".join(clean.split())[:LONGEST_SEARCH].rstrip()


def words(given: str) -> list[str]:
    """Return the distinct words of a search, folded for comparisons without case."""
    return list(dict.fromkeys(fold(tidy(given)).split()))


def has_word(columns: Sequence[Any], word: str) -> ColumnElement[bool]:
    """Return the condition that one of the columns contains a folded word, without an index."""
    if is_sqlite() and word.isascii():
        # LIKE ignores the case of ASCII letters.
        return or_(*(each.like(pattern(word), escape="\\") for each in columns))
    if is_sqlite():
        return or_(
            *(
                func.fold(func.coalesce(each, "")).contains(word, autoescape=True)
                for each in columns
            )
        )
    return or_(*(contains(func.lower(each), word) for each in columns))


def contains(folded: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Return the condition that a folded text contains a folded word."""
    if SIGMA not in word or is_sqlite():
        return folded.contains(word, autoescape=True)
    # lower() writes a final sigma differently. Translating it takes as long as lower() itself, so
    # only texts with the other letters of the word are translated.
    same = func.translate(folded, literal_column(f"'{FINAL_SIGMA}'"), literal_column(f"'{SIGMA}'"))
    return and_(
        folded.like(pattern(word).replace(SIGMA, "_"), escape="\\"),
        same.contains(word, autoescape=True),
    )


def pattern(word: str) -> str:
    """Return the pattern of LIKE for texts that contain `word`."""
    return "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def phrase(word: str) -> str:
    """Return a folded word as a phrase of SQLite's trigram index."""
    # A quoted phrase has no query syntax; quotation marks in it are doubled. The index keeps the
    # Turkish dotted capital I, but lower() turns it into two characters.
    return '"' + word.replace('"', '""').replace("i\u0307", "İ") + '"'


def in_one(columns: Sequence[Any]) -> ColumnElement[str]:
    """Return the columns as one text, separated by spaces, which no word contains."""
    # Literals, because an index of an expression serves the very same expression only.
    nothing: ColumnElement[str] = literal_column("''")
    parts = [func.coalesce(each, nothing) if _is_nullable(each) else each for each in columns]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.concat(literal_column("' '")).concat(part)
    return whole


def folded(columns: Sequence[Any]) -> ColumnElement[str]:
    """Return the expression of PostgreSQL's index on these columns."""
    # COLLATE binds more tightly than ||, but the index is on the whole expression.
    return func.lower(collate(Grouping(in_one(columns)), COLLATION))


def conditions(model: Any, columns: Sequence[Any], given: str) -> list[ColumnElement[bool]]:
    """Return the conditions that a row of `model` has each word of a search."""
    found = words(given)
    long = [word for word in found if len(word) >= TRIGRAM]
    if not long or not has_index(model, columns):
        return [has_word(columns, word) for word in found]
    short = [has_word(columns, word) for word in found if len(word) < TRIGRAM]
    if not is_sqlite():
        document = folded(columns)
        return [*(contains(document, word) for word in long), *short]
    # The index takes a third of the time of a search, so it is asked once.
    ids = list(db.session.scalars(_matches(model, long).limit(FEW + 1)))
    if len(ids) > FEW:
        # A common word: in the order of the list, the rows of a page are soon found.
        return [has_word(columns, word) for word in found]
    # One parameter, so that the statement is the same for any number of ids.
    rows = func.json_each(json.dumps(ids)).table_valued("value")
    return [_identity(model).in_(select(rows.c.value)), *short]


def has_index(model: Any, columns: Sequence[Any]) -> bool:
    """Return whether a migration made the search index for these columns."""
    name = model.__tablename__
    if not is_sqlite():
        known = text("SELECT to_regclass(:name) IS NOT NULL")
        return bool(db.session.scalar(known, {"name": f"ix_{name}_folded"}))
    known = text("SELECT name FROM pragma_table_info(:name)")
    indexed = list(db.session.scalars(known, {"name": f"{name}_search"}))
    return indexed == [each.key for each in columns]


def _matches(model: Any, long: Sequence[str]) -> Any:
    name = f"{model.__tablename__}_search"
    trigrams = table(name, column("rowid"), column(name, String))
    query = " AND ".join(map(phrase, long))
    return select(trigrams.c.rowid).where(trigrams.c[name].bool_op("MATCH")(query))


def _identity(model: Any) -> Any:
    (key,) = model.__table__.primary_key.columns
    return key


def _is_nullable(each: Any) -> bool:
    return bool(getattr(getattr(each, "expression", each), "nullable", True))
