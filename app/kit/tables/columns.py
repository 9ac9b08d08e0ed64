"""The columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal

from sqlalchemy.orm import InstrumentedAttribute

Value = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table, by default the attribute `name` of each row.

    - `value` returns the value of a row, in place of the attribute.
    - `show` formats a value for the page. Without it, times, days, numbers, choices and yes or no
      are formatted by their type.
    - `csv` formats a value for the CSV file. The database writes the file itself, in a fraction of
      the time, if each `csv` is an `Amount`, or names an attribute of the relation, as User.email.
      A column without a label in the file is left out by `in_csv=False`.
    - `macro` is "file:macro" of a template. The macro gets the row and returns the cell.
    - `main` marks the column with the name and the link of the row. `sub` is the second line of its
      cell: a function of the row, or a macro. `avatar` puts the picture or the initials of a user
      before it.
    - `link` is an endpoint that takes the row's id, or a function that returns the URL of a row. An
      endpoint that begins with a dot, such as ".receipt", is on the blueprint of the list.
    - `sort` are the attributes to sort by, of the model or of the relation `name`. The default is
      the column of this name. With an empty list the column does not sort.
    - `load` are relations to load with the rows. The relation `name` is always loaded.
    - `none` is shown for no value. `classes` are those of the cells.
    - `second` is a column that a macro shows in the same cell. The list can be sorted by it too.
    - `hidden` columns appear when users choose them, and `wide` ones on wide screens.
    """

    name: str
    label: str
    value: Value | None = None
    show: Value | None = None
    csv: Value | InstrumentedAttribute[Any] | None = None
    in_csv: bool = True
    macro: str = ""
    main: bool = False
    link: str | Callable[[Any], str] | None = None
    sub: str | Callable[[Any], str] | None = None
    avatar: bool = False
    badge: bool = False
    align: Literal["start", "end"] = "start"
    nowrap: bool = False
    hidden: bool = False
    wide: bool = False
    sort: Sequence[Any] | None = None
    load: Sequence[Any] = ()
    none: str = "–"
    classes: str = ""
    second: Column | None = None

    @cached_property
    def css(self) -> str:
        """The classes of the column's cells."""
        chosen = (
            "end" if self.align == "end" else "",
            "nowrap" if self.nowrap else "",
            "wide-only card-too" if self.wide else "",
            self.classes,
        )
        return " ".join(filter(None, chosen))

    @cached_property
    def to_csv(self) -> Value | None:
        """The function that formats a value for the CSV file, or None."""
        return attrgetter(self.csv.key) if isinstance(self.csv, InstrumentedAttribute) else self.csv

    @cached_property
    def of(self) -> Value:
        """The function that returns the value of this column in a row."""
        return self.value or attrgetter(self.name)
