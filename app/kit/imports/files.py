"""Read CSV files as spreadsheets write them, in many encodings and with several delimiters.

At most one block of the file and one record are in memory, because a file may be large or hostile.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO

from app.kit.imports.columns import recognised
from app.kit.imports.encodings import Unreadable, blocks, detect_encoding, require_text, texts
from app.kit.user_input import visible

if TYPE_CHECKING:
    from app.kit.imports.kinds import ImportKind

LONGEST_LINE = 100_000  # characters
MOST_COLUMNS = 100
SAMPLE = 100  # records to guess the content of the columns from

DELIMITERS = (",", ";", "\t")
# Excel writes and reads this as the first line.
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*\Z', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of a record and the line of the file, from 1, on which it begins."""

    line: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True)
class Description:
    """The format of a file. `lines` is the number of records below the header."""

    encoding: str
    delimiter: str
    has_header: bool
    columns: list[str]
    lines: int
    sample: list[list[str]]


def describe(kind: ImportKind, file: BinaryIO, encoding: str = "") -> Description:
    """Read a whole file and describe it. Without `encoding`, the encoding is detected.

    Raises Unreadable for files that cannot be imported.
    """
    if encoding:
        require_text(file, encoding)
    else:
        encoding = detect_encoding(file)
    delimiter = _detect_delimiter(kind, file, encoding)
    file.seek(0)
    found = records(blocks(file), encoding, delimiter)
    first = next(found, None)
    if first is None:
        raise Unreadable("There is nothing in the file.")
    has_header = not first.problem and not any(map(kind.is_key, first.cells))
    columns = name_columns(first.cells, has_header=has_header)
    head = list(islice(found if has_header else chain([first], found), SAMPLE))
    sample = [record.cells for record in head]
    if not head:
        raise Unreadable("There is a header in the file, and nothing below it.")
    if has_header:
        _refuse_title(kind, first, head)
    is_named = any(recognised(kind, column) == kind.key for column in columns)
    has_key = is_named or any(kind.is_key(cell) for cells in sample for cell in cells)
    if not has_key and (problem := kind.lacks_key()):
        raise Unreadable(problem)
    return Description(
        encoding, delimiter, has_header, columns, len(head) + sum(1 for _ in found), sample
    )


def _refuse_title(kind: ImportKind, first: Record, below: list[Record]) -> None:
    """Raise Unreadable if the first line is a title above the header or the rows."""
    if any(recognised(kind, cell) for cell in first.cells):
        return
    has_key = [any(map(kind.is_key, record.cells)) for record in below]
    above = below[: has_key.index(True)] if True in has_key else below
    rows = below[len(above) :]
    is_alone = len(_filled(first)) == 1 and len(rows) > 0 and len(_filled(rows[0])) > 1
    header = next(
        (one for one in above if any(recognised(kind, cell) == kind.key for cell in one.cells)),
        above[-1] if above and is_alone else None,
    )
    if header is not None:
        raise Unreadable(
            f"Line {first.line} is a title: the names of the columns are on line {header.line}. "
            "Delete the lines above them, then upload the file again."
        )
    if is_alone:
        raise Unreadable(f"Line {first.line} is a title. Delete it, then upload the file again.")


def _filled(record: Record) -> list[str]:
    return [cell for cell in record.cells if cell.strip()]


def name_columns(cells: list[str], *, has_header: bool) -> list[str]:
    """Return the names of the columns; missing names are generated. Raises Unreadable."""
    cells = list(cells)
    while has_header and cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise Unreadable(
            f"There are {len(cells):,} columns; an import takes at most {MOST_COLUMNS}. Delete "
            "those that are not needed."
        )
    if not has_header:
        return [f"Column {number}" for number in range(1, len(cells) + 1)]
    names = [visible(" ".join(cell.split()), allowed="")[:64] for cell in cells]
    seen: set[str] = set()
    for name in filter(None, names):
        if name.casefold() in seen:
            raise Unreadable(
                f"Two columns are called “{name}”. Give each column a name of its own."
            )
        seen.add(name.casefold())
    return [name or f"Column {number}" for number, name in enumerate(names, 1)]


# Lines and records


def records(pieces: Iterable[bytes], encoding: str, delimiter: str) -> Iterator[Record]:
    """Yield the records of a file that are not blank. Raises Unreadable.

    A record with invalid quotation marks has a problem and no cells.
    """
    lines = _lines(texts(pieces, encoding))
    skipped = 0
    first = next(lines, None)
    if first is not None and SEPARATOR_LINE.match(first):
        skipped = 1
    elif first is not None:
        lines = chain([first], lines)
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + skipped + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "expected after" not in str(error):
                raise Unreadable(
                    f"A quotation mark that opens on line {line} is never closed."
                ) from None
            yield Record(line, [], "The quotation marks of this line make no sense.")
            continue
        if any(cell.strip() for cell in cells):
            yield Record(line, cells)


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Yield lines with their line breaks, as the csv module expects them. Raises Unreadable.

    The last line of a piece is held back, because the next piece may continue the line or its
    line break.
    """
    rest, number = "", 0
    for piece in pieces:
        lines = list(io.StringIO(rest + piece, newline=""))
        rest = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        for line in chain(lines, [rest] if rest else []):
            number += 1
            if len(line) > LONGEST_LINE:
                raise Unreadable(
                    f"Line {number:,} has more than {LONGEST_LINE:,} characters. This does not "
                    "look like a list."
                )
        number -= bool(rest)
        yield from lines
    if rest:
        yield rest


def _detect_delimiter(kind: ImportKind, file: BinaryIO, encoding: str) -> str:
    """Return the delimiter of the cells: the one that makes the best header and rows."""
    file.seek(0)
    head = list(islice(_lines(texts(blocks(file), encoding)), 20))
    if head and (named := SEPARATOR_LINE.match(head[0])) and named[1] in DELIMITERS:
        return named[1]

    def merit(delimiter: str) -> tuple[int, int, int, int]:
        rows = [row for row in csv.reader(head, delimiter=delimiter, skipinitialspace=True) if row]
        names = {recognised(kind, cell) for cell in rows[0]} if rows else set()
        keys = sum(kind.is_key(cell) and " " not in cell.strip() for row in rows for cell in row)
        widths = Counter(map(len, rows))
        usual = max((width * count for width, count in widths.items()), default=0)
        return len(names - {""}), keys, usual, max(widths, default=0)

    try:
        # On a tie, `max` returns the first one, which is the comma.
        return max(DELIMITERS, key=merit)
    except csv.Error:
        return ","
