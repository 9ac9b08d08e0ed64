"""Which people a search finds: those with every word of it, looked up in an index.

Words of three characters and more are found anywhere in a name or an address, shorter ones only
where a first name, a last name or an address begins: an index of trigrams has nothing shorter.
"""

from sqlalchemy import ColumnElement, and_, column, func, literal_column, or_, select, table

from app.extensions import db
from app.models import User

LONGEST_SEARCH = 200
TRIGRAM = 3

_users_search = table("users_search", column("rowid"), column("users_search"))
# As the index ix_users_search has it.
_document = func.lower(
    User.first_name.concat(literal_column("' '"))
    .concat(User.last_name)
    .concat(literal_column("' '"))
    .concat(User.email)
)


def words(search: str) -> list[str]:
    """Return what is looked for, in lower case and without what no name can hold."""
    return search.replace("\0", "")[:LONGEST_SEARCH].lower().split()


def conditions(search: str) -> list[ColumnElement[bool]]:
    """Return the conditions under which a user matches `search`."""
    found = words(search)
    long = [word for word in found if len(word) >= TRIGRAM]
    short = [word for word in found if len(word) < TRIGRAM]
    in_index: list[ColumnElement[bool]]
    if db.engine.dialect.name == "sqlite":
        in_index = [User.id.in_(_matches(long))] if long else []
    else:
        in_index = [_document.contains(word, autoescape=True) for word in long]
    return [*in_index, *(_begins(word) for word in short)]


def _matches(long: list[str]) -> ColumnElement[int]:
    # A phrase in quotation marks has no syntax of its own; within it they are doubled.
    query = " AND ".join('"' + word.replace('"', '""') + '"' for word in long)
    return (
        select(_users_search.c.rowid)
        .where(_users_search.c.users_search.bool_op("MATCH")(query))
        .scalar_subquery()
    )


def _begins(word: str) -> ColumnElement[bool]:
    starts = or_(
        *(
            func.lower(name).startswith(word, autoescape=True)
            for name in (User.first_name, User.last_name, User.email)
        )
    )
    if db.engine.dialect.name == "sqlite":
        return starts
    # The beginnings of words are trigrams too, so the index narrows these down.
    return and_(
        literal_column("' '").concat(_document).contains(" " + word, autoescape=True),
        starts,
    )
