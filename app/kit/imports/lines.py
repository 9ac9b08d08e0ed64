"""Turn records into lines with a value for each field, and collect the problems of each line."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from app.kit import names
from app.kit.imports.encodings import DAMAGED
from app.kit.imports.files import Record
from app.kit.tables.csv_cells import unescaped
from app.kit.user_input import visible

if TYPE_CHECKING:
    from app.kit.imports.kinds import ImportKind

BATCH = 1000

LINE_BREAK = re.compile(r"[\r\n]+")

NOT_IN_ENCODING = "Some letters cannot be read in the chosen encoding."
TOO_MANY_CELLS = "There are more cells in this line than there are columns."


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a line: the field (or ""), its value, and a message."""

    field: str
    value: str
    message: str


@dataclass(slots=True)
class ImportLine:
    """A line of the file. A kind derives a class that knows its fields."""

    line: int
    problems: list[Problem] = field(default_factory=list)

    def complain(self, about: str, value: str, message: str) -> None:
        shown = visible(LINE_BREAK.sub(" ↵ ", value[:200]), allowed="")[:100]
        self.problems.append(Problem(about, shown, message))

    @property
    def key(self) -> str:
        """The value that no other line may have, or "" if it cannot be read."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """The key as the results show it, also if it is invalid."""
        raise NotImplementedError

    def take(self, name: str, text: str) -> None:
        """Take the text of a field, and complain about it if it makes no sense."""
        raise NotImplementedError

    def finish(self) -> None:
        """Look at the line as a whole, once it has all texts."""


def batches(
    kind: ImportKind, records: Iterable[Record], mapping: Mapping[str, int], width: int
) -> Iterator[list[Any]]:
    """Yield the lines of a file in batches. A repeated key is a problem."""
    line_at = kind.reader(mapping)
    lines = (read(record, mapping, width, line_at) for record in records)
    with closing(_Seen()) as seen:
        while batch := list(islice(lines, BATCH)):
            for line in batch:
                if line.key and (earlier := seen.earlier(line.key, line.line)):
                    line.complain(kind.key, line.key, kind.repeated.format(earlier))
            yield batch


def read(
    record: Record, mapping: Mapping[str, int], width: int, line_at: Callable[[int], Any]
) -> Any:
    """Return the line for a record. `width` is the number of columns."""
    line = line_at(record.line)
    if record.problem:
        line.complain("", "", record.problem)
        return line
    cells = record.cells
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        line.complain("", "", TOO_MANY_CELLS)
    for name, column in mapping.items():
        text = _text(cells[column]) if column < len(cells) else ""
        if not text.isascii() and DAMAGED.search(text):
            line.complain(name, DAMAGED.sub("\ufffd", text), NOT_IN_ENCODING)
        else:
            line.take(name, text)
    line.finish()
    return line


def _text(cell: str) -> str:
    return names.normalise(unescaped(cell.strip()).strip())


class _Seen:
    """The keys of the lines so far. A large number of them spills to disk."""

    def __init__(self) -> None:
        # An unnamed SQLite database lives in a temporary file that is deleted on close.
        self._connection = sqlite3.connect("")
        self._connection.execute(
            "CREATE TABLE seen (key TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID"
        )

    def earlier(self, key: str, line: int) -> int | None:
        """Return the earlier line with this key, or remember this line and return None."""
        added = self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, line))
        if added.rowcount:
            return None
        found = self._connection.execute("SELECT line FROM seen WHERE key = ?", (key,))
        return int(found.fetchone()[0])

    def close(self) -> None:
        self._connection.close()
