"""Export the whole list of users as CSV, in its order, in chunks."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, Select, case, cast, func, literal, select, text, types
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from app.extensions import db, is_sqlite
from app.features.user_search.services import totals
from app.features.user_search.services.filters import Filters
from app.features.user_search.services.sorting import COLUMNS
from app.kit.audit.downloads import record_download
from app.kit.database import reading_only
from app.kit.database.postgresql import patience
from app.kit.tables.csv_cells import (
    BEGINS_A_FORMULA,
    BYTE_ORDER_MARK,
    escaped,
    escaped_inside,
    may_be_separated,
    written,
)
from app.models import Role, User

HEADER = (
    "Email",
    "First name",
    "Last name",
    "Role",
    "Status",
    "Joined (UTC)",
    "Last seen (UTC)",
)
TEXTS = 4  # leading columns with text that users entered
BATCH = 2_000  # rows
CHUNK = 64 * 1024  # bytes

EXPORT_PATIENCE = 120.0  # seconds

# Settings for PostgreSQL. A slow client makes an export slow, so there is no statement timeout.
# Reading and sorting the whole table is several times faster than walking an index.
EXPORT_SETTINGS = (
    "statement_timeout = 0",
    "enable_indexscan = off",
    "work_mem = '32MB'",
    "jit = off",
)


def export(filters: Filters, *, sort: str, by: User) -> Iterator[bytes]:
    """Record the download, and return the list as chunks of CSV (RFC 4180).

    The chunks are generated outside the app context, on a separate connection.
    """
    details: dict[str, Any] = {"filter": filters.to_query(), "sort": sort}
    if (count := totals.capped(filters)) <= totals.CAP:
        details["people"] = count
    record_download("user.exported", by=by, **details)
    rows = _rows(filters, sort)
    return _from_sqlite(db.engine, rows) if is_sqlite() else _from_postgresql(db.engine, rows)


def _rows(filters: Filters, sort: str) -> Select[Any]:
    """Return the query for the cells, in the order of HEADER."""
    c = COLUMNS
    texts: list[ColumnElement[Any]] = [c.email, c.first_name, c.last_name]
    role: ColumnElement[Any] = func.coalesce(Role.name, "")
    if is_sqlite():
        times = [
            func.substr(cast(at, types.String), 1, 19) for at in (c.created_at, c.last_seen_at)
        ]
    else:
        texts, role = [_escaped_in_sql(column) for column in texts], _escaped_in_sql(role)
        times = [
            func.to_char(func.timezone("UTC", at), "YYYY-MM-DD HH24:MI:SS")
            for at in (c.created_at, c.last_seen_at)
        ]
    return (
        select(*texts, role, c.status, *times)
        .select_from(User.__table__.outerjoin(Role.__table__, Role.id == c.role_id))
        .where(*filters.conditions())
        .order_by(*_order(sort))
    )


def _escaped_in_sql(column: ColumnElement[Any]) -> ColumnElement[Any]:
    begins = [ord(character) for character in sorted(BEGINS_A_FORMULA - {"\0"})]
    dangerous = func.ascii(func.ltrim(column, " '")).in_(begins)
    return case((dangerous, literal("'").concat(column)), else_=column)


def _order(sort: str) -> list[ColumnElement[Any]]:
    c = COLUMNS
    newest = [c.created_at.desc(), c.id.desc()]
    ways: dict[str, tuple[list[Any], list[Any]]] = {
        "name": ([c.last_name, c.first_name, c.id], []),
        "email": ([c.email, c.id], []),
        "created_at": ([c.created_at, c.id], []),
        "role": ([Role.name.is_(None), Role.name, Role.id], newest),
        "status": ([c.status], newest),
        "last_seen_at": ([c.last_seen_at.is_not(None), c.last_seen_at], []),
    }
    turned, kept = ways[sort.removeprefix("-")]
    if sort.startswith("-"):
        turned = [column.desc() for column in turned]
    if sort.endswith("last_seen_at"):
        # Users who were never seen are sorted newest first in both directions.
        never = case((c.last_seen_at.is_(None), c.id)).desc()
        kept = [never, c.id.desc() if sort.startswith("-") else c.id]
    return [*turned, *kept]


def _from_sqlite(engine: Engine, rows: Select[Any]) -> Iterator[bytes]:
    reading_only.set(True)
    with Session(engine) as session:
        result = session.connection().execute(rows)
        # Fetch the driver's rows, because no value needs a conversion.
        fetch: Any = result.cursor.fetchmany
        yield (BYTE_ORDER_MARK + written([HEADER])).encode()
        while batch := fetch(BATCH):
            lines = written(
                (
                    # Most cells begin with a letter, and calling `escaped` for each is slow.
                    email if email[:1].isalnum() else escaped(email),
                    first if first[:1].isalnum() else escaped(first),
                    last if last[:1].isalnum() else escaped(last),
                    role if role[:1].isalnum() else escaped(role),
                    *rest,
                )
                for email, first, last, role, *rest in batch
            )
            if may_be_separated(lines):
                lines = written([*map(escaped, row[:TEXTS]), *row[TEXTS:]] for row in batch)
            yield lines.encode()


def _from_postgresql(engine: Engine, rows: Select[Any]) -> Iterator[bytes]:
    # PostgreSQL may sort a million users before it sends the first line.
    patience.set(EXPORT_PATIENCE)
    with Session(engine) as session:
        connection = session.connection()
        for setting in EXPORT_SETTINGS:
            connection.execute(text(f"SET LOCAL {setting}"))
        command = f"COPY ({_as_text(connection, rows)}) TO STDOUT WITH (FORMAT csv)"
        driver: Any = connection.connection.dbapi_connection
        pieces = [f"{BYTE_ORDER_MARK}{','.join(HEADER)}\n".encode()]
        size = 0
        with driver.cursor() as cursor, cursor.copy(command) as copy:
            # The server sends single lines. Collect them, so that not each is a network write.
            for line in copy:
                pieces.append(line)
                size += len(line)
                if size > CHUNK:
                    yield _block(pieces)
                    pieces, size = [], 0
        yield _block(pieces)


def _block(lines: list[Any]) -> bytes:
    """Return lines from PostgreSQL in the format of the file."""
    block = b"".join(lines)
    if may_be_separated(block):
        block = b"".join(_escaped_line(bytes(line)) for line in lines)
    return block.replace(b"\n", b"\r\n")


def _escaped_line(line: bytes) -> bytes:
    if not may_be_separated(line):
        return line
    (row,) = csv.reader([line.decode()])
    # The query has already escaped the beginning of each cell.
    text = written([[*map(escaped_inside, row[:TEXTS]), *row[TEXTS:]]])
    return text.replace("\r\n", "\n").encode()


def _as_text(connection: Connection, rows: Select[Any]) -> str:
    """Return a query with its values inlined by the driver, because COPY takes no parameters."""
    driver: Any = connection.connection.dbapi_connection
    # SQLAlchemy expands lists only on execution, so expand them here.
    compiled = rows.compile(connection, compile_kwargs={"render_postcompile": True})
    return str(psycopg.ClientCursor(driver).mogrify(compiled.string, compiled.params))
