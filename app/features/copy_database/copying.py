"""Copy all rows from SQLite to PostgreSQL, and compare what arrived."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import URL, Integer

from app.features.copy_database import source, target
from app.features.copy_database.source import CannotCopy, SQLiteSource
from app.features.copy_database.target import PostgresTarget, TargetTable
from app.features.copy_database.values import NotStorable, canonical, converter

VERSIONS = "alembic_version"
MOST_PROBLEMS = 20
NARROW = (
    "The target does not store every character. Create it with `createdb -E UTF8 -T template0`."
)
Say = Callable[[str], None]


class ProblemsFound(CannotCopy):
    """Some rows cannot be copied. Nothing was written."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = "\n".join(f"- {problem}" for problem in problems)
        more = f"\nThese are the first {MOST_PROBLEMS}." if len(problems) >= MOST_PROBLEMS else ""
        super().__init__(f"These rows cannot be copied, so nothing is:\n{shown}{more}")


@dataclass
class TableContents:
    """The number of rows of a table, and a sum of their hashes, which needs no order."""

    count: int = 0
    total: int = 0

    def add(self, row: Sequence[Any], is_jsonb: Sequence[bool]) -> None:
        parts = (canonical(one, is_jsonb=b) for one, b in zip(row, is_jsonb, strict=True))
        # The length stands before each value, so that no two rows look alike.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
        self.count += 1
        self.total = (self.total + int.from_bytes(digest)) % 2**256


@dataclass
class TablePlan:
    """How the rows of a table are read and converted."""

    table: TargetTable
    of_source: SQLiteSource
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.converters = {name: converter(kind) for name, kind in self.table.columns.items()}

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows for PostgreSQL, and note the problems of those that it cannot hold."""
        columns = list(self.converters.items())
        for row in self.of_source.rows(self.table.name, list(self.converters), self.table.key):
            values, problem = [], False
            for (name, convert), value in zip(columns, row, strict=True):
                try:
                    values.append(None if value is None or convert is None else convert(value))
                except NotStorable as error:
                    problem = True
                    self.problems.append(f"{self.table.name}, {self._named(row)}, {name}: {error}")
            if not problem:
                yield values
            if len(self.problems) >= MOST_PROBLEMS:
                return

    def _named(self, row: Sequence[Any]) -> str:
        values = dict(zip(self.converters, row, strict=True))
        return ", ".join(f"{name} {ascii(values[name])[:60]}" for name in self.table.key) or "a row"


def copy(
    url: str, to: URL, *, say: Say, is_trial: bool = False, left_out: Collection[str] = ()
) -> int:
    """Copy all rows from the SQLite database at `url`, and return their number.

    It is one transaction of the target. Until it ends, nobody can write to the source. `say` gets a
    line for each table with rows. Raises CannotCopy.
    """
    with ExitStack() as stack:
        old = stack.enter_context(source.opened(url))
        new = stack.enter_context(target.opened(to))
        if not new.is_utf8():
            raise CannotCopy(NARROW)
        _ensure_same_migrations(old, new)
        tables = new.tables()
        if filled := [name for name in tables if new.count(name)]:
            raise CannotCopy(
                f"The target has rows already: {', '.join(filled)}. Copy into an empty database, "
                "before `release` or `setup_prod`."
            )
        plans = _plans(old, tables, left_out)
        read = _read(old, plans)
        if is_trial:
            for name, contents in read.items():
                if contents.count:
                    say(f"{name}: {contents.count:,} rows can be copied")
            new.roll_back()
            return sum(one.count for one in read.values())
        new.take_off_foreign_keys()
        for plan in plans:
            new.add(plan.table, plan.rows())
            new.go_on_after(plan.table, _highest_id(old, plan.table))
        new.restore_foreign_keys()
        for plan in plans:
            name = plan.table.name
            _compare(name, read[name], _contents(new.rows(plan.table), plan.table))
            if read[name].count:
                say(f"{name}: {read[name].count:,} rows")
    target.analyse(to)
    return sum(one.count for one in read.values())


def _ensure_same_migrations(old: SQLiteSource, new: PostgresTarget) -> None:
    here, there = old.revisions(), new.revisions()
    if not here:
        raise CannotCopy("The source has no tables of this application. Is it the right file?")
    if here != there:
        only = ", ".join(sorted(here ^ there))
        raise CannotCopy(
            f"Source and target have different migrations: {only}. Run `python manage.py db "
            "upgrade` with this code on both, with DATABASE_URL for each."
        )


def _plans(
    old: SQLiteSource, tables: Mapping[str, TargetTable], left_out: Collection[str]
) -> list[TablePlan]:
    """Return how each table is copied. Raises CannotCopy if one has no place in the target."""
    plans, problems = [], []
    for name in old.tables():
        table = tables.get(name)
        if name in left_out and table is not None:
            problems.append(f"The target has a table {name}, so it cannot be left out")
        if name == VERSIONS or name in left_out or (table is None and not old.count(name)):
            continue
        if table is None:
            problems.append(f"The target has no table {name}. `--leave-out {name}` goes without it")
            continue
        columns = old.columns(name)
        problems += [f"The target has no column {name}.{one}" for one in columns - {*table.columns}]
        problems += [f"The source has no column {name}.{one}" for one in {*table.columns} - columns]
        plan = TablePlan(table, old)
        if old.count(name):
            problems += [
                f"The type of {name}.{column}, {table.columns[column]!r}, is not known here"
                for column, convert in plan.converters.items()
                if convert is None
            ]
        plans.append(plan)
    if problems:
        raise CannotCopy("\n".join(f"{problem}." for problem in sorted(problems)))
    return plans


def _read(old: SQLiteSource, plans: Sequence[TablePlan]) -> dict[str, TableContents]:
    """Read and convert all rows once, and return the contents by table. Raises ProblemsFound."""
    problems = old.orphans(MOST_PROBLEMS)
    found = {}
    for plan in plans:
        found[plan.table.name] = _contents(plan.rows(), plan.table)
        problems += plan.problems
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise ProblemsFound(problems[:MOST_PROBLEMS])
    return found


def _contents(rows: Iterable[Sequence[Any]], table: TargetTable) -> TableContents:
    found, is_jsonb = TableContents(), table.is_jsonb
    for row in rows:
        found.add(row, is_jsonb)
    return found


def _compare(name: str, read: TableContents, written: TableContents) -> None:
    if read != written:
        raise CannotCopy(
            f"{name}: {read.count:,} rows were read and {written.count:,} arrived, or their values "
            "differ. Nothing is copied. Please report this."
        )


def _highest_id(old: SQLiteSource, table: TargetTable) -> int:
    """Return the highest id that a table has given out, or 0 if its key is no whole number."""
    if len(table.key) != 1 or not isinstance(table.columns[table.key[0]], Integer):
        return 0
    return max(old.highest(table.name, table.key[0]), old.last_number(table.name))
