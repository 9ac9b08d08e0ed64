"""Configure the engines of SQLite and PostgreSQL."""

import os
import sqlite3
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.pool import StaticPool

from app.kit import names
from app.kit.database import postgresql, reading_only

LOCK_TIMEOUT = 5  # seconds that a writer waits for another
SWITCH_PAUSE = 0.05  # seconds between two attempts to switch a SQLite file to its write-ahead log
CACHE_SIZE = 16 * 1024  # KiB of a SQLite file that each connection caches; the default is 2 MiB
STATEMENT_TIMEOUT = 10  # seconds after which PostgreSQL cancels a statement


def engine_options(url: str, *, is_pooled: bool = False) -> dict[str, Any]:
    """Return the arguments of `create_engine` for the database at `url`.

    `is_pooled` means that PgBouncer, or a similar pooler, assigns a connection to each transaction.
    """
    parsed = make_url(url)
    # Parameters are hidden, so errors and logs never show emails or hashes.
    if parsed.get_backend_name() != "sqlite":
        # A pooler accepts no options, and a prepared statement is bound to one server connection.
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
                # These timeouts detect a server that vanished without closing the connection.
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
    """Remove the access of other users of the machine, because SQLite creates readable files.

    The rights of a group stay. SQLite copies the file's rights to the files beside it.
    """
    path = arguments[0]
    is_file = path not in {"", ":memory:"} and not path.startswith("file:")
    with suppress(OSError):  # SQLite itself reports a file that cannot be opened
        if is_file and not os.path.exists(path):
            # Closing a file that exists would drop the locks of this process's other connections.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with suppress(OSError):
        for name in (path, f"{path}-wal", f"{path}-shm"):
            if os.path.exists(name) and (mode := os.stat(name).st_mode & 0o777) & 0o007:
                os.chmod(name, mode & ~0o007)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # By default, the driver begins a transaction late and leaks it past a rollback.
    connection.isolation_level = None
    # SQLite's own lower() folds ASCII letters only.
    connection.create_function("fold", 1, names.fold, deterministic=True)
    cursor = connection.cursor()
    _use_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT * 1000}")
    cursor.execute(f"PRAGMA cache_size = -{CACHE_SIZE}")
    cursor.close()


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Switch the file to its write-ahead log, unless it is.

    SQLite refuses this at once, without a wait, while another process writes to a new file.
    """
    end = monotonic() + LOCK_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > end:
                raise
            sleep(SWITCH_PAUSE)
        else:
            return


def _limit_statements(connection: Connection) -> None:
    # SET without LOCAL would stay in effect for the next client of the pooled connection.
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT * 1000}")


def _begin_sqlite(connection: Connection) -> None:
    if reading_only.get():
        # BEGIN takes no lock and cannot fail. A direct driver call takes a tenth of the time.
        connection.connection.dbapi_connection.execute("BEGIN")  # type: ignore[union-attr]
        return
    # A transaction that reads first and writes later fails at once if another writer came between.
    # BEGIN IMMEDIATE takes the write lock at the start, so the transaction waits instead.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
