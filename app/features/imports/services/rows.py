"""Turn records into rows with normalised values, and collect the problems of each row."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from email_validator import EmailNotValidError

from app.features.imports.services.encodings import DAMAGED
from app.features.imports.services.files import Record
from app.kit import names
from app.kit.many_emails import normalised_email_of_many
from app.kit.names import EMAIL_LENGTH, NAME_LENGTH
from app.kit.tables.csv_cells import unescaped
from app.kit.user_input import holds_link, is_name, visible

BATCH = 1000

LINE_BREAK = re.compile(r"[\r\n]+")

NO_ADDRESS = "Enter an address like name@example.com."
NO_EMAIL = "This line has no email address."
UNSEEN = "Remove the line breaks and invisible characters."
NO_LINK = "A name cannot contain a URL. Put a space after a dot."
TOO_LONG = f"Use at most {NAME_LENGTH} characters."
NOT_IN_ENCODING = "Some letters cannot be read in the chosen encoding."
TOO_MANY_CELLS = "There are more cells in this line than there are columns."


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a line: the field (or ""), its value, and a message."""

    field: str
    value: str
    message: str


@dataclass(slots=True)
class Row:
    """A line of the file. Empty values change nothing."""

    line: int
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    role: str = ""
    problems: list[Problem] = field(default_factory=list)

    def complain(self, about: str, value: str, message: str) -> None:
        shown = visible(LINE_BREAK.sub(" ↵ ", value[:200]), allowed="")[:100]
        self.problems.append(Problem(about, shown, message))


def batches(
    records: Iterable[Record], mapping: Mapping[str, int], width: int
) -> Iterator[list[Row]]:
    """Yield the rows of a file in batches. A repeated email is a problem."""
    rows = (read(record, mapping, width) for record in records)
    with closing(_Seen()) as seen:
        while batch := list(islice(rows, BATCH)):
            for row in batch:
                if row.email and (earlier := seen.earlier(row.email, row.line)):
                    row.complain("email", row.email, f"Line {earlier:,} has the same address.")
            yield batch


def read(record: Record, mapping: Mapping[str, int], width: int) -> Row:
    """Return the row for a record. `width` is the number of columns."""
    row = Row(record.line)
    if record.problem:
        row.complain("", "", record.problem)
        return row
    cells = record.cells
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        row.complain("", "", TOO_MANY_CELLS)
    for name, column in mapping.items():
        text = _text(cells[column]) if column < len(cells) else ""
        if DAMAGED.search(text):
            row.complain(name, DAMAGED.sub("\ufffd", text), NOT_IN_ENCODING)
        elif name == "email":
            _read_address(row, text)
        elif text:
            setattr(row, name, text)
            _check_text(row, name, text)
    return row


def _text(cell: str) -> str:
    return names.normalise(unescaped(cell.strip()).strip())


def _read_address(row: Row, text: str) -> None:
    if not text:
        row.complain("email", "", NO_EMAIL)
        return
    try:
        address = normalised_email_of_many(text)
    except EmailNotValidError:
        row.complain("email", text, NO_ADDRESS)
        return
    if len(address) > EMAIL_LENGTH:
        row.complain("email", text, f"Use at most {EMAIL_LENGTH} characters.")
        return
    row.email = address


def _check_text(row: Row, name: str, text: str) -> None:
    if not is_name(text):
        row.complain(name, text, UNSEEN)
    elif name != "role" and holds_link(text):
        row.complain(name, text, NO_LINK)
    elif len(text) > NAME_LENGTH:
        row.complain(name, text, TOO_LONG)


class _Seen:
    """The emails of the lines so far. A large number of them spills to disk."""

    def __init__(self) -> None:
        # An unnamed SQLite database lives in a temporary file that is deleted on close.
        self._connection = sqlite3.connect("")
        self._connection.execute(
            "CREATE TABLE seen (email TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID"
        )

    def earlier(self, email: str, line: int) -> int | None:
        """Return the earlier line with this email, or remember this line and return None."""
        added = self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (email, line))
        if added.rowcount:
            return None
        found = self._connection.execute("SELECT line FROM seen WHERE email = ?", (email,))
        return int(found.fetchone()[0])

    def close(self) -> None:
        self._connection.close()
