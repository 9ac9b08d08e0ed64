"""Reading the CSV that spreadsheets write, in whatever encoding and with whatever separator.

Nothing here holds more than a block of the file and one record: a file may be large, or hostile.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO

from app.services.imports.columns import recognised

BLOCK = 64 * 1024  # bytes
LONGEST_LINE = 100_000  # characters
MOST_COLUMNS = 100
SAMPLE = 100  # records by which it is guessed what the columns hold

DELIMITERS = (",", ";", "\t")
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
}
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SIGNATURES = (
    (b"PK\x03\x04", "This is an Excel or LibreOffice file, or an archive"),
    (b"PK\x05\x06", "This is an archive"),
    (b"\xd0\xcf\x11\xe0", "This is a file of an old Excel"),
    (b"\x1f\x8b", "This is a compressed file"),
    (b"%PDF", "This is a PDF"),
    (b"{\\rtf", "This is a document of a word processor"),
)
SAVE_AS_CSV = "Save or export it as CSV, then upload that."
NOT_TEXT = f"This is not a text file. Does it come from a spreadsheet? {SAVE_AS_CSV}"

# With these a file is no text, whatever else it holds.
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")
# What Excel writes and reads as a first line.
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*\Z', re.IGNORECASE)


class Unreadable(Exception):
    """The file cannot be imported; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of a record and the line of the file, from 1, on which it begins."""

    line: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True)
class Description:
    """What a file looks like; `lines` are the records below the header."""

    encoding: str
    delimiter: str
    has_header: bool
    columns: list[str]
    lines: int
    sample: list[list[str]]


def describe(file: BinaryIO) -> Description:
    """Read a whole file once. Raises Unreadable for what no import can be made of."""
    encoding = detect_encoding(file)
    delimiter = _detect_delimiter(file, encoding)
    file.seek(0)
    found = records(_blocks(file), encoding, delimiter)
    first = next(found, None)
    if first is None:
        raise Unreadable("There is nothing in the file.")
    has_header = not first.problem and not any("@" in cell for cell in first.cells)
    columns = name_columns(first.cells, has_header=has_header)
    head = list(islice(found if has_header else chain([first], found), SAMPLE))
    sample = [record.cells for record in head]
    if not head:
        raise Unreadable("There is a header in the file, and nothing below it.")
    is_named = any(recognised(column) == "email" for column in columns)
    if not is_named and not any("@" in cell for cells in sample for cell in cells):
        raise Unreadable(
            "None of the columns holds email addresses. There must be one, best called “Email”."
        )
    return Description(
        encoding, delimiter, has_header, columns, len(head) + sum(1 for _ in found), sample
    )


def name_columns(cells: list[str], *, has_header: bool) -> list[str]:
    """Return what the columns are called, made up where it is not said. Raises Unreadable."""
    cells = list(cells)
    while has_header and cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise Unreadable(
            f"There are {len(cells):,} columns; an import takes at most {MOST_COLUMNS}. Delete "
            "those that say nothing about people."
        )
    if not has_header:
        return [f"Column {number}" for number in range(1, len(cells) + 1)]
    names = [" ".join(cell.split())[:64] for cell in cells]
    seen: set[str] = set()
    for name in filter(None, names):
        if name.casefold() in seen:
            raise Unreadable(
                f"Two columns are called “{name}”. Give each column a name of its own."
            )
        seen.add(name.casefold())
    return [name or f"Column {number}" for number, name in enumerate(names, 1)]


# Encodings


def detect_encoding(file: BinaryIO) -> str:
    """Return the encoding of a file: by its mark, by its zeros, or by what it can be read as.

    Raises Unreadable for what is no text.
    """
    file.seek(0)
    head = file.read(BLOCK)
    if not head:
        raise Unreadable("The file is empty.")
    for signature, what in SIGNATURES:
        if head.startswith(signature):
            raise Unreadable(f"{what}, not CSV. {SAVE_AS_CSV}")
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise Unreadable("The file is in UTF-32. Save it as CSV in UTF-8.")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), "")
    candidates = [encoding] if encoding else _candidates(head)
    for candidate in candidates:
        file.seek(0)
        try:
            _require_text(texts(_blocks(file), candidate))
        except UnicodeDecodeError:
            continue
        return candidate
    raise Unreadable(
        f"The text is damaged: it is marked as {ENCODINGS[encoding]}, and is not."
        if encoding
        else NOT_TEXT
    )


def _candidates(head: bytes) -> list[str]:
    """Return the encodings that a file without a mark may have, the likelier first."""
    zeros = [head[start::2].count(0) for start in (0, 1)]
    if max(zeros) == 0:
        return ["utf-8", "cp1252"]
    # Commas, digits and Latin letters have their zero all on the same side.
    if max(zeros) < len(head) / 20 or min(zeros) > max(zeros) / 10:
        raise Unreadable(NOT_TEXT)
    return ["utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"]


def _require_text(pieces: Iterable[str]) -> None:
    for number, text in enumerate(pieces):
        if "\0" in text:
            raise Unreadable(f"There are NUL characters in the file. {NOT_TEXT}")
        # One that was pasted in by mistake is reported with its line; many are no text.
        if number == 0 and len(CONTROLS.findall(text)) > len(text) / 50:
            raise Unreadable(NOT_TEXT)


def texts(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Decode blocks, without the mark at the start. Raises UnicodeDecodeError."""
    decoder = codecs.getincrementaldecoder(encoding)()
    is_first = True
    for block in blocks:
        text = decoder.decode(block)
        if is_first and text:
            is_first, text = False, text.removeprefix("\ufeff")
        if text:
            yield text
    yield decoder.decode(b"", final=True)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


# Lines and records


def records(blocks: Iterable[bytes], encoding: str, delimiter: str) -> Iterator[Record]:
    """Yield the records of a file but those without content. Raises Unreadable.

    A record whose quotation marks make no sense has a problem and no cells.
    """
    lines = _lines(texts(blocks, encoding))
    skipped = 0
    first = next(lines, None)
    if first is not None and SEPARATOR_LINE.match(first):
        skipped = 1
    elif first is not None:
        lines = chain([first], lines)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
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
    """Yield lines with their ends, as the csv module wants them. Raises Unreadable.

    The last line of a piece waits for the next, which may go on with it, or end it with the second
    half of a line break.
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
                    "look like a list of people."
                )
        number -= bool(rest)
        yield from lines
    if rest:
        yield rest


def _detect_delimiter(file: BinaryIO, encoding: str) -> str:
    """Return what separates the cells: what makes the best header of the first line."""
    file.seek(0)
    head = list(islice(_lines(texts(_blocks(file), encoding)), 20))
    if head and (named := SEPARATOR_LINE.match(head[0])) and named[1] in DELIMITERS:
        return named[1]

    def merit(delimiter: str) -> tuple[int, int, int]:
        rows = [row for row in csv.reader(head, delimiter=delimiter) if row]
        names = {recognised(cell) for cell in rows[0]} if rows else set()
        addresses = sum("@" in cell and " " not in cell.strip() for row in rows for cell in row)
        is_usual = sum(len(row) == len(rows[0]) for row in rows)
        return len(names - {""}), addresses, is_usual * len(rows[0]) if rows else 0

    try:
        # Of equals the first, which is the comma.
        return max(DELIMITERS, key=merit)
    except csv.Error:
        return ","
