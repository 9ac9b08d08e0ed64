"""The filters of a table. Each reads its parameters of the URL, and gives conditions for a query.

A value that makes no sense is left out, and a notice says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, EnumMeta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, inspect, select

from app.kit.database import whole_number
from app.kit.tables import search
from app.kit.tables.words import humanised

QUOTED = 60  # characters of a wrong value that a notice quotes
NONE = "0"  # stands for rows without the relation, in place of an id

Pairs = Iterable[tuple[Any, str]]


@dataclass(frozen=True)
class Reading:
    """The result of a filter: its values by parameter, conditions, and notices for the page."""

    values: Mapping[str, str] = field(default_factory=dict)
    conditions: Sequence[ColumnElement[bool]] = ()
    notices: Sequence[str] = ()


@dataclass(frozen=True)
class Filter(ABC):
    """A filter by the attribute `name` of the model, or by another expression, `column`.

    `parameter` is its name in the URL, by default the `name`. `unknown` is what the page says about
    a choice that there is not, with the given text in place of {}. A filter without a `control` is
    set by links alone.
    """

    name: str
    label: str = ""
    parameter: str = ""
    column: Any = None
    unknown: str = ""

    control: ClassVar[str] = ""  # its kind of field in table_macros.html
    default: ClassVar[str] = ""
    is_folded: ClassVar[bool] = False  # whether it stands under "More filters"

    @property
    def tabs(self) -> bool:
        """Whether the choices stand above the list as tabs."""
        return False

    @property
    def compares(self) -> bool:
        """Whether the filter compares a column."""
        return True

    @property
    def key(self) -> str:
        return self.parameter or self.name

    @property
    def title(self) -> str:
        return self.label or humanised(self.name)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the URL that this filter reads."""
        return (self.key,)

    def column_of(self, model: Any) -> Any:
        """Return the expression that the values are compared with."""
        return getattr(model, self.name) if self.column is None else self.column

    @abstractmethod
    def read(self, args: Mapping[str, str], model: Any) -> Reading:
        """Read the parameters of the URL."""

    def options(self) -> list[tuple[str, str]]:
        """Return the values of a select, and their labels."""
        return []

    def grouped(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the options in groups, each with its label. Options of no group have none."""
        return [("", self.options())]

    def not_known(self, given: str) -> str:
        """Return the notice about a choice that does not exist."""
        unknown = self.unknown or f"There is no such {self.title.lower()}, so it is left out."
        return unknown.format(given[:QUOTED])

    def refused(self, given: str, reason: str) -> str:
        return f"“{given[:QUOTED]}” is {reason}, so it is left out."


@dataclass(frozen=True)
class Choice(Filter):
    """One of some values: an Enum, pairs of value and label, or a function that returns pairs.

    With `is_tabs`, the choices stand above the list as tabs, with numbers that `counts` returns.
    `condition` turns a value into a condition that is more than a comparison. `default` is the
    choice of a list that never shows all rows. `groups` returns labels and their choices, which the
    select shows as groups.
    """

    choices: EnumMeta | Pairs | Callable[[], Pairs] = ()
    is_tabs: bool = False
    counts: Callable[[], Mapping[str, int]] | None = None
    every: str = ""
    condition: Callable[[str], ColumnElement[bool]] | None = None
    default: str = ""  # type: ignore[misc]
    groups: Callable[[], Iterable[tuple[str, Pairs]]] | None = None

    control = "choice"

    @property
    def compares(self) -> bool:
        return self.condition is None

    @property
    def tabs(self) -> bool:
        return self.is_tabs

    def options(self) -> list[tuple[str, str]]:
        if members := self._members():
            return [(str(member.value), humanised(str(member.value))) for member in members]
        if self.groups is not None:
            return [pair for _label, pairs in self.grouped() for pair in pairs]
        pairs: Any = self.choices() if callable(self.choices) else self.choices
        return [(str(value), label) for value, label in pairs]

    def grouped(self) -> list[tuple[str, list[tuple[str, str]]]]:
        if self.groups is None:
            return super().grouped()
        return [
            (label, [(str(one), word) for one, word in pairs]) for label, pairs in self.groups()
        ]

    def read(self, args: Mapping[str, str], model: Any) -> Reading:
        given = args.get(self.key) or self.default
        notices = []
        if given and given not in {value for value, _label in self.options()}:
            notices, given = [self.not_known(given)], self.default
        if not given:
            return Reading(notices=notices)
        return Reading({self.key: given}, [self._condition(given, model)], notices)

    def _members(self) -> list[Enum]:
        choices: Any = self.choices
        return list(choices) if isinstance(choices, EnumMeta) else []

    def _condition(self, given: str, model: Any) -> ColumnElement[bool]:
        if self.condition is not None:
            return self.condition(given)
        column = self.column_of(model)
        if members := self._members():
            value: Any = next(member for member in members if str(member.value) == given)
        else:
            value = int(given) if column.type.python_type is int else given
        compared: ColumnElement[bool] = column == value
        return compared


@dataclass(frozen=True)
class YesNo(Filter):
    """Rows for which a column is true, or those for which it is not."""

    every: str = ""

    control = "choice"

    def options(self) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def read(self, args: Mapping[str, str], model: Any) -> Reading:
        given = args.get(self.key, "")
        if given not in {"yes", "no"}:
            return Reading(notices=[self.refused(given, "neither yes nor no")] if given else [])
        column = self.column_of(model)
        condition = column.is_(True) if given == "yes" else column.is_not(True)
        return Reading({self.key: given}, [condition])


@dataclass(frozen=True)
class Relation(Filter):
    """Rows whose relation `name` is a chosen row, or has the words of a text in `search`.

    `choices` returns ids and labels, for a relation with few rows. Otherwise `search` names columns
    of the relation, and the filter is a text field. `none` is the label for rows without the
    relation, if there may be some.
    """

    choices: Callable[[], Pairs] | None = None
    search: Sequence[Any] = ()
    none: str = ""
    every: str = ""

    @property
    def control(self) -> str:  # type: ignore[override]
        return "choice" if self.choices else "text"

    def options(self) -> list[tuple[str, str]]:
        pairs = [(str(value), label) for value, label in (self.choices or list)()]
        return [*pairs, (NONE, self.none)] if self.none else pairs

    def read(self, args: Mapping[str, str], model: Any) -> Reading:
        given = args.get(self.key, "")
        if not self.choices:
            return self._words(search.tidy(given), model)
        if not given:
            return Reading()
        number = whole_number(given)
        if number is None or str(number) not in {value for value, _label in self.options()}:
            return Reading(notices=[self.not_known(given)])
        return Reading({self.key: given}, [self._key(model) == (number or None)])

    def _words(self, text: str, model: Any) -> Reading:
        if not text:
            return Reading()
        words = [search.has_word(self.search, word) for word in search.words(text)]
        if not words:
            return Reading({self.key: text})
        # Unlike EXISTS, IN is read from the other table to this one, by the index of the key.
        ((key, other),) = inspect(model).relationships[self.name].local_remote_pairs
        others = select(other).where(*words).correlate(None)
        return Reading({self.key: text}, [key.in_(others)])

    def _key(self, model: Any) -> Any:
        relation = inspect(model).relationships[self.name]
        (column,) = relation.local_columns
        return column
