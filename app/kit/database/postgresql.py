"""A PostgreSQL that hangs: every wait in a request ends, and nobody waits for what is known."""

import threading
import time
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Engine, event

# Seconds. A frozen server still acknowledges packets, so no timeout of the network notices it,
# and the server cannot apply a timeout of its own.
STATEMENT_PATIENCE = 12.0  # a little more than STATEMENT_TIMEOUT, so that a slow query is told so
PING_PATIENCE = 2.0
CONNECT_TIMEOUT = 3  # libpq knows whole seconds, two at least
SLOW = 1.0  # a connection that takes this long to be refused is not tried by everyone
PAUSE = 1.0  # between two attempts while the server does not answer

# How long the work at hand waits for an answer; None outside of requests, as for a migration.
patience: ContextVar[float | None] = ContextVar("patience", default=None)


class NoAnswer(psycopg.OperationalError):
    """PostgreSQL took longer than is waited for, or has just done so for another request."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up, and is closed, when the server has not answered in time."""

    is_resting = False  # in the pool: the next thing sent is the ping before it is used
    breaker: Any = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if timeout is None:
            timeout = PING_PATIENCE if self.is_resting else patience.get()
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors._WaitTimeout:  # psycopg leaves it to callers to convert it
            self.close()
            self.breaker.open()
            raise NoAnswer(f"PostgreSQL has not answered for {timeout:g} s") from None

    def rollback(self) -> None:
        """Roll back, or close a connection that is lost: its server has rolled back by itself.

        The session rolls back after each request, where no error page can answer any more.
        """
        try:
            super().rollback()
        except psycopg.OperationalError:
            self.close()


class Breaker:
    """Has one caller at a time try to connect while PostgreSQL does not answer.

    The others fail at once. Otherwise each would hold one of the few threads until its timeout.
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
        """Raise NoAnswer unless PostgreSQL is well, or it is the caller's turn to find out."""
        if self._retry_at is None:
            return
        with self._lock:
            at = time.monotonic()
            if self._retry_at is not None and at < self._retry_at:
                raise NoAnswer("PostgreSQL does not answer")
            # Should the caller never come back, another one tries after a while.
            self._retry_at = at + CONNECT_TIMEOUT + PAUSE


def watch(engine: Engine) -> None:
    """Have `engine` use connections and a breaker of the above kind."""
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
            connection.is_resting = True

    def work(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.is_resting = False

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkin", rest)
    event.listen(engine, "checkout", work)
