"""Send the rows of a query as CSV as fast as the engine gives them.

PostgreSQL writes the lines itself, by COPY. On SQLite the driver's rows are the cells.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    Enum,
    Integer,
    Select,
    String,
    case,
    cast,
    func,
    literal,
    text,
)
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from app.extensions import db, is_sqlite
from app.kit.database import UtcDateTime, reading_only
from app.kit.database.postgresql import patience
from app.kit.tables.csv_cells import (
    BEGINS_A_FORMULA,
    BYTE_ORDER_MARK,
    escaped,
    escaped_inside,
    may_be_separated,
    written,
)

BATCH = 2_000  # rows
CHUNK = 64 * 1024  # bytes
PATIENCE = 120.0  # seconds; the engine may sort a million rows before it sends the first one

# Settings for PostgreSQL. A slow client makes an export slow, so there is no statement timeout.
# Reading and sorting the whole table is several times faster than walking an index.
SETTINGS = (
    "statement_timeout = 0",
    "enable_indexscan = off",
    "work_mem = '32MB'",
    "jit = off",
    "datestyle = 'ISO'",
)


def is_plain(column: Any) -> bool:
    """Tell whether the engine can write the cells of a column, without a value in Python."""
    kinds = (String, Integer, Boolean, UtcDateTime, Date)
    return isinstance(column.type, kinds) and not isinstance(column.type, Enum)


def pieces(query: Select[Any], labels: Sequence[str]) -> Iterator[bytes]:
    """Return the rows of a query of plain columns as pieces of a CSV file (RFC 4180).

    The pieces are read later, on a connection of their own, and need no context.
    """
    columns = list(query.selected_columns)
    texts = [number for number, one in enumerate(columns) if isinstance(one.type, String)]
    cells = [_cell(column) for column in columns]
    if len(cells) == 1 and not is_sqlite():
        # Readers skip an empty line, so the only cell of a line is never quite empty.
        cells = [func.coalesce(cast(cells[0], String), "")]
    query = query.with_only_columns(*cells, maintain_column_froms=True)
    if is_sqlite():
        return _from_sqlite(db.engine, query, labels, texts)
    return _from_postgresql(db.engine, query, labels)


def take_time(connection: Any) -> None:
    """Prepare a transaction of PostgreSQL in which all rows of a table may be read and sorted."""
    patience.set(PATIENCE)
    for setting in SETTINGS:
        connection.execute(text(f"SET LOCAL {setting}"))


def _cell(column: Any) -> ColumnElement[Any]:
    """Return the expression of a cell."""
    if isinstance(column.type, String):
        # COPY quotes an empty text, but not NULL. The csv module quotes neither.
        return func.coalesce(column, "") if is_sqlite() else func.nullif(_escaped(column), "")
    if isinstance(column.type, Boolean):
        return case((column.is_(True), "yes"), (column.is_(False), "no"))
    if not isinstance(column.type, UtcDateTime):
        return column
    if is_sqlite():
        return func.substr(cast(column, String), 1, 19)
    return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS")


def _escaped(cell: ColumnElement[Any]) -> ColumnElement[Any]:
    begins = [ord(character) for character in sorted(BEGINS_A_FORMULA - {"\0"})]
    dangerous = func.ascii(func.ltrim(cell, " '")).in_(begins)
    return case((dangerous, literal("'").concat(cell)), else_=cell)


def _from_sqlite(
    engine: Engine, query: Select[Any], labels: Sequence[str], texts: Sequence[int]
) -> Iterator[bytes]:
    reading_only.set(True)
    with Session(engine) as session:
        result = session.connection().execute(query)
        # Fetch the driver's rows, because no value needs a conversion.
        fetch: Any = result.cursor.fetchmany
        yield (BYTE_ORDER_MARK + written([labels])).encode()
        while batch := fetch(BATCH):
            columns: list[Any] = list(zip(*batch, strict=True))
            cells = columns.copy()
            for number in texts:
                # Most cells begin with a letter, and calling `escaped` for each is slow.
                cells[number] = [
                    cell if cell[:1].isalnum() else escaped(cell) for cell in columns[number]
                ]
            lines = written(zip(*cells, strict=True))
            if may_be_separated(lines):
                for number in texts:
                    cells[number] = map(escaped, columns[number])
                lines = written(zip(*cells, strict=True))
            yield lines.encode()


def _from_postgresql(engine: Engine, query: Select[Any], labels: Sequence[str]) -> Iterator[bytes]:
    reading_only.set(True)
    with Session(engine) as session:
        connection = session.connection()
        take_time(connection)
        command = f"COPY ({_as_text(connection, query)}) TO STDOUT WITH (FORMAT csv)"
        driver: Any = connection.connection.dbapi_connection
        yield (BYTE_ORDER_MARK + written([labels])).encode()
        lines: list[Any] = []
        size = 0
        with driver.cursor() as cursor, cursor.copy(command) as copy:
            # The server sends single lines. Collect them, so that not each is a network write.
            for line in copy:
                lines.append(line)
                size += len(line)
                if size > CHUNK:
                    yield _block(lines)
                    lines, size = [], 0
        yield _block(lines)


def _block(lines: list[Any]) -> bytes:
    """Return lines from PostgreSQL, which end with a line feed, in the format of the file."""
    block = b"".join(lines)
    if not may_be_separated(block) and block.count(b"\n") == len(lines):
        return block.replace(b"\n", b"\r\n")
    return b"".join(_line(bytes(line)) for line in lines)


def _line(line: bytes) -> bytes:
    if not may_be_separated(line):
        return line.removesuffix(b"\n") + b"\r\n"
    (row,) = csv.reader([line.decode()])
    # The query has already escaped the beginning of each cell.
    return written([map(escaped_inside, row)]).encode()


def _as_text(connection: Connection, query: Select[Any]) -> str:
    """Return a query with its values inlined by the driver, because COPY takes no parameters."""
    driver: Any = connection.connection.dbapi_connection
    # SQLAlchemy expands lists only on execution, so expand them here.
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    return str(psycopg.ClientCursor(driver).mogrify(compiled.string, compiled.params))
