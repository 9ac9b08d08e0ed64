"""Limit how long a request waits for a PostgreSQL server that hangs.

Every wait in a request has a timeout. A circuit breaker makes other requests fail at once.
"""

import select
import threading
import time
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Engine, event

# Seconds. A frozen server still acknowledges packets, so no network timeout detects it, and the
# server cannot apply its own timeout.
STATEMENT_PATIENCE = 12.0  # above STATEMENT_TIMEOUT, so that the server reports a slow query first
PING_PATIENCE = 2.0
WARM = 1.0  # after its last use, a connection that the server has not closed needs no ping
CONNECT_TIMEOUT = 3  # libpq accepts whole seconds, two at least
SLOW = 1.0  # a refusal that takes this long opens the breaker
PAUSE = 1.0  # between two attempts while the server does not answer

# The seconds that the current request waits for an answer. None, as in a migration, is no limit.
patience: ContextVar[float | None] = ContextVar("patience", default=None)


class NoAnswer(psycopg.OperationalError):
    """PostgreSQL did not answer this request, or an earlier request, in time."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that closes itself if the server does not answer in time."""

    is_resting = False  # in the pool; the next statement is the pool's ping
    is_unproven = False  # out of the pool, without a ping
    rests_since = 0.0
    breaker: Any = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if timeout is None:
            timeout = PING_PATIENCE if self.is_resting else patience.get()
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors._WaitTimeout:  # psycopg expects callers to convert this error
            self.close()
            self.breaker.open()
            raise NoAnswer(f"PostgreSQL has not answered for {timeout:g} s") from None

    def _start_query(self) -> PQGen[None]:
        """Begin a transaction before a statement.

        psycopg sends BEGIN by itself and waits for it. It needs no lock, so a server that does not
        answer it within PING_PATIENCE hangs: a connection that was not pinged needs no longer.
        """
        if not self.is_unproven:
            yield from super()._start_query()
            return
        self.is_unproven = False
        self.wait(super()._start_query(), timeout=PING_PATIENCE)

    @property
    def is_warm(self) -> bool:
        """Whether it was in use just now, and the server has neither closed it nor sent anything.

        A ping is a quarter of the time to look up a user. To ask for unread bytes costs nothing.
        """
        if self.closed or time.monotonic() - self.rests_since >= WARM:
            return False
        unread = select.poll()
        unread.register(self, select.POLLIN)
        return not unread.poll(0)

    def rollback(self) -> None:
        """Roll back, or close a lost connection, because its server has rolled back by itself.

        The session rolls back after each request, when it is too late for an error page.
        """
        try:
            super().rollback()
        except psycopg.OperationalError:
            self.close()


class Breaker:
    """A circuit breaker: one caller at a time tries to connect while PostgreSQL does not answer.

    The others fail at once. Otherwise each would block one of the few threads until its timeout.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._retry_at: float | None = None

    def open(self) -> None:
        with self._lock:
            self._retry_at = time.monotonic() + PAUSE

    def close(self) -> None:
        self._retry_at = None

    def check(self) -> None:
        """Raise NoAnswer if the breaker is open and it is not yet time for the next attempt."""
        if self._retry_at is None:
            return
        with self._lock:
            at = time.monotonic()
            if self._retry_at is not None and at < self._retry_at:
                raise NoAnswer("PostgreSQL does not answer")
            # If this caller never reports back, another caller tries after this period.
            self._retry_at = at + CONNECT_TIMEOUT + PAUSE


def watch(engine: Engine) -> None:
    """Make `engine` use PatientConnection and a Breaker."""
    breaker = Breaker()

    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> PatientConnection:
        breaker.check()
        began = time.monotonic()
        try:
            connection = PatientConnection.connect(*arguments, **options)
        except psycopg.OperationalError:
            if time.monotonic() - began >= SLOW:
                breaker.open()
            else:
                breaker.close()
            raise
        breaker.close()
        connection.breaker = breaker
        return connection

    def rest(connection: Any, _record: Any) -> None:
        if connection is not None:
            connection.is_resting, connection.rests_since = True, time.monotonic()

    def work(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.is_resting = False

    ping = engine.dialect.do_ping

    def ping_unless_warm(dbapi_connection: Any) -> bool:
        dbapi_connection.is_unproven = dbapi_connection.is_warm
        return dbapi_connection.is_unproven or ping(dbapi_connection)

    engine.dialect.do_ping = ping_unless_warm  # type: ignore[method-assign]
    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkin", rest)
    event.listen(engine, "checkout", work)
