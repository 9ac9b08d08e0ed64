"""How the database is spoken to: UTC times, and the settings each engine needs to be dependable."""

import os
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Engine, event
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeDecorator

from app.kit.database import postgresql

LOCK_TIMEOUT = 5  # seconds that a writer waits for another
CACHE_SIZE = 16 * 1024  # KiB of a SQLite file that each connection keeps; 2 MiB if nothing is said
STATEMENT_TIMEOUT = 10  # seconds after which PostgreSQL gives a statement up

HIGHEST_INTEGER = 2**31 - 1
HIGHEST_BIG_INTEGER = 2**63 - 1

# True while the work at hand promises not to write, as a GET request does.
reading_only: ContextVar[bool] = ContextVar("reading_only", default=False)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite keeps no time zone, so it is put back when a value is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time must carry its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def whole_number(text: str, most: int = HIGHEST_INTEGER) -> int | None:
    """Return the number that `text` writes in digits, or None.

    Numbers from outside pass through here before they reach a query. A column holds numbers up to
    `most`; PostgreSQL and SQLite raise an error for a larger one.
    """
    # Python refuses to read thousands of digits, and ISO digits of other scripts are decimal too.
    if not text.isascii() or not text.isdecimal() or len(text) > 20:
        return None
    number = int(text)
    return number if number <= most else None


def now() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)


def engine_options(url: str, *, is_pooled: bool = False) -> dict[str, Any]:
    """Return the arguments of create_engine that suit the database at `url`.

    `is_pooled` says that PgBouncer, or a pooler like it, gives each transaction a connection.
    """
    parsed = make_url(url)
    # Errors and logs show statements without the values, among them addresses and hashes.
    if parsed.get_backend_name() != "sqlite":
        # A pooler takes no options, and a prepared statement stays with a connection of its own.
        of_a_session = (
            {"prepare_threshold": None}
            if is_pooled
            else {"options": f"-c statement_timeout={STATEMENT_TIMEOUT * 1000}"}
        )
        return {
            "hide_parameters": True,
            "pool_pre_ping": True,
            "pool_timeout": LOCK_TIMEOUT,
            "connect_args": {
                "connect_timeout": postgresql.CONNECT_TIMEOUT,
                **of_a_session,
                # A server that has vanished without a word is noticed, not waited for.
                "keepalives_idle": STATEMENT_TIMEOUT,
                "tcp_user_timeout": STATEMENT_TIMEOUT * 1000,
            },
        }
    options: dict[str, Any] = {
        "hide_parameters": True,
        "connect_args": {"timeout": LOCK_TIMEOUT},
    }
    if parsed.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
        options["connect_args"]["check_same_thread"] = False
    return options


def watch(engine: Engine, *, is_pooled: bool = False) -> None:
    """Install the event handlers that `engine` needs."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _keep_private)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        postgresql.watch(engine)
        if is_pooled:
            event.listen(engine, "begin", _limit_statements)


def _keep_private(_dialect: object, _record: object, arguments: Any, _options: object) -> None:
    """Take the file away from other users of the machine: SQLite lets everyone read it.

    What a group was given stays. The files beside it take their rights from it.
    """
    path = arguments[0]
    with suppress(OSError):  # where it cannot be opened, SQLite says so
        if path not in {"", ":memory:"} and not path.startswith("file:"):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        for name in (path, f"{path}-wal", f"{path}-shm"):
            if os.path.exists(name) and (mode := os.stat(name).st_mode & 0o777) & 0o007:
                os.chmod(name, mode & ~0o007)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Left to itself the driver begins a transaction late and leaks it past a rollback.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT * 1000}")
    cursor.execute(f"PRAGMA cache_size = -{CACHE_SIZE}")
    cursor.close()


def _limit_statements(connection: Connection) -> None:
    # What is set for a session would be set for whoever the pooler gives it to next.
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT * 1000}")


def _begin_sqlite(connection: Connection) -> None:
    if reading_only.get():
        # Takes no lock, so it cannot fail; said to the driver, it costs a tenth.
        connection.connection.dbapi_connection.execute("BEGIN")  # type: ignore[union-attr]
        return
    # A transaction that reads first and writes later fails at once, without waiting, when another
    # writer came between. Taking the write lock at the start makes it wait its turn instead.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
