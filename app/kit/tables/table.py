"""The declaration of a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute

from app.kit import icons
from app.kit.tables import checks
from app.kit.tables.actions import BulkAction, RowAction
from app.kit.tables.columns import Column
from app.kit.tables.filters import Filter
from config import ConfigurationError

if TYPE_CHECKING:
    from app.kit.imports.csv_import import CsvImport
    from app.kit.tables.asked import Asked
    from app.kit.tables.page import TablePage

PER_PAGE = 50
PER_PAGE_CHOICES = (25, 50, 100)

_declared: dict[str, Table] = {}


def declared() -> list[Table]:
    """Return all tables, by their endpoints."""
    return [_declared[endpoint] for endpoint in sorted(_declared)]


def declared_at(endpoint: str) -> Table:
    """Return the table of a page."""
    return _declared[endpoint]


@dataclass(frozen=True, eq=False)
class Table:
    """A list of the rows of a model. A mistake in it raises ConfigurationError.

    - `nouns` name one row and many rows. `title` and `lead` head the page at `endpoint`.
    - `search` names the text columns in which words are found.
    - `exact` returns the condition for a search that is a whole value, such as an email, which an
      index finds at once. For other searches it returns None.
    - `order` is a column, with a leading minus for descending.
    - `where` are conditions that every row meets.
    - `rows` turns the instances of a page into the rows that columns and actions read, for counts
      and facts of other tables. The CSV file has them as well.
    - `find` reads a page in place of the engine, for a list with indexes of its own, or of rows
      that are not in the database.
    - `csv` is the endpoint of the CSV file, and `csv_event` the event of its download.
    - `imports` says how the lines of a CSV file become rows.
    - `empty` and `no_match` are icon, title and text of an empty list.
    - `add` is the label, the endpoint and, if it has one, the icon of the main button,
      which is shown while `may_add` returns True.
    - `replaces` marks the table of a feature that takes the place of one with the same endpoint.
    - `live` lists refresh themselves while somebody looks at them.
    """

    model: Any
    _: KW_ONLY
    title: str
    nouns: tuple[str, str]
    endpoint: str
    columns: Sequence[Column]
    lead: str = ""
    search: Sequence[str] = ()
    search_label: str = ""
    search_help: str = ""
    search_parameter: str = "search"
    exact: Callable[[str], ColumnElement[bool] | None] | None = None
    filters: Sequence[Filter] = ()
    order: str = "-id"
    where: Sequence[ColumnElement[bool]] = ()
    load: Sequence[Any] = ()
    rows: Callable[[list[Any]], Sequence[Any]] | None = None
    find: Callable[[Asked], TablePage] | None = None
    per_page: int = PER_PAGE
    row_actions: Sequence[RowAction] = ()
    bulk_actions: Sequence[BulkAction] = ()
    csv: str = ""
    csv_event: str = ""
    imports: CsvImport | None = None
    empty: tuple[str, str, str] = ("inbox", "", "")
    no_match: tuple[str, str] = ("", "Try fewer words, or take a filter away.")
    add: Sequence[str] = ()
    may_add: Callable[[], bool] | None = None
    live: bool = False
    replaces: bool = False
    file: str = field(default="", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", _file_of_caller())
        for problem in checks.problems(self):
            raise self.mistake(problem)
        other = _declared.get(self.endpoint)
        if other is not None and other.file != self.file and not self.replaces:
            raise self.mistake(f"{other.file} declares a table for {self.endpoint} as well.")
        _declared[self.endpoint] = self
        icons.use([self.empty[0], *self.add[2:3], *(one.icon for one in self.row_actions)])

    @property
    def is_mapped(self) -> bool:
        """Whether the rows are in the database. Otherwise `find` reads them from elsewhere."""
        return inspect(self.model, raiseerr=False) is not None

    @property
    def key(self) -> str:
        """The name of the attribute that identifies a row."""
        if not self.is_mapped:
            return "id"
        (column,) = inspect(self.model).primary_key
        name: str = column.key
        return name

    @property
    def identity(self) -> Any:
        """The column that identifies a row."""
        return getattr(self.model, self.key)

    @property
    def search_columns(self) -> list[Any]:
        return [getattr(self.model, name) for name in self.search]

    def column(self, name: str) -> Column | None:
        """Return the column of this name, or None."""
        return next((one for one in self.all_columns if one.name == name), None)

    @property
    def all_columns(self) -> list[Column]:
        """All columns, including those in the cell of another column."""
        found: list[Column] = []
        for column in self.columns:
            found += [column, column.second] if column.second else [column]
        return found

    def endpoint_of(self, link: str) -> str:
        """Return the endpoint of a link. One that begins with a dot is on the list's blueprint."""
        return self.endpoint.partition(".")[0] + link if link.startswith(".") else link

    def sorts(self, name: str) -> bool:
        """Return whether the list can be sorted by a column."""
        return bool(self.sort_keys(name))

    def sort_keys(self, name: str) -> list[Any]:
        """Return the attributes to sort by for a column, or none if it does not sort."""
        column = self.column(name)
        if column is not None and column.sort is not None:
            return list(column.sort)
        if column is None and name != self.order.removeprefix("-"):
            return []
        attribute = getattr(self.model, name, None)
        is_column = isinstance(attribute, InstrumentedAttribute) and isinstance(
            attribute.property, ColumnProperty
        )
        return [attribute] if is_column else []

    def mistake(self, problem: str) -> ConfigurationError:
        """Return the error for a declaration that makes no sense."""
        return ConfigurationError(f"The table {self.title!r} in {self.file}: {problem}")


def _file_of_caller() -> str:
    """Return the file that declares the table, relative to the project."""
    # The frames below are this function, __post_init__ and the generated __init__.
    path = Path(sys._getframe(3).f_code.co_filename)
    root = Path(__file__).parents[3]
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
