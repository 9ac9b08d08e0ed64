"""Know the mode of the site without a query in each request.

The row in the database decides: every process on every machine reaches it, and it needs no Redis. A
thread of each web process reads it once a second while requests come. The process remembers the
mode, also while the database is away. A process that has never read it does not know it, because
the site may be closed.
"""

from __future__ import annotations

import logging
import threading
import time

import psycopg
from flask import Flask, current_app
from sqlalchemy import select

from app.features.maintenance.models import Maintenance, SiteMode, SiteState
from app.kit.database import postgresql
from app.kit.database.reading import connection_to_read
from app.kit.web.logs.request_log import Sparing

LOOK_EVERY = 1.0  # seconds between two looks at the database
IDLE = 60.0  # seconds without a request, after which the thread sleeps
PATIENCE = 1.0  # seconds that a request waits for the look after a sleep
LOOK_OF_WORKERS = 2.0  # seconds; a worker opens a connection for each look

sparing = Sparing(logging.getLogger(__name__))


class ModeWatch:
    """Remembers the mode of the site for one process. It is None until the first look succeeds."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.state: SiteState | None = SiteState() if app.testing else None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_fresh, self._woken = threading.Event(), threading.Event()
        self._asked_at = self._looked_at = float("-inf")

    def current(self) -> SiteState | None:
        """Return the mode, at most a second old. Tests have one process, and start no thread."""
        self._asked_at = time.monotonic()
        if not self._is_fresh.is_set() and not self._app.testing:
            self._catch_up()
        return self.state

    def current_of_worker(self) -> SiteState | None:
        """Return the mode for a worker, whose process is copied, so it keeps no connection."""
        at = time.monotonic()
        if at - self._looked_at >= LOOK_OF_WORKERS and not self._app.testing:
            self._looked_at = at
            self._look(keep_connection=False)
        return self.state

    def _catch_up(self) -> None:
        """Start or wake the thread, and wait for its first look."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="site mode", daemon=True)
                self._thread.start()
        self._woken.set()
        if not self._is_fresh.wait(PATIENCE):
            self._is_fresh.set()  # The database hangs, so the last known mode has to do.

    def _watch(self) -> None:
        # Without a limit, a server that hangs would hold the thread until it goes on.
        postgresql.patience.set(postgresql.STATEMENT_PATIENCE)
        while True:
            self._look()
            self._is_fresh.set()
            time.sleep(LOOK_EVERY)
            if time.monotonic() - self._asked_at > IDLE:
                # In this order a request that finds the mode stale wakes the thread for sure.
                self._woken.clear()
                self._is_fresh.clear()
                self._woken.wait()

    def _look(self, *, keep_connection: bool = True) -> None:
        try:
            with self._app.app_context(), connection_to_read() as connection:
                if not keep_connection:
                    connection.detach()
                row = connection.execute(
                    select(Maintenance.mode, Maintenance.message, Maintenance.until)
                ).first()
            self.state = SiteState(SiteMode(row[0]), row[1], row[2]) if row else SiteState()
        except Exception as error:
            # The last known mode stays. An error of the driver, which SQLAlchemy does not always
            # wrap, would end the thread.
            if self.state is None and _lacks_table(error):
                self.state = SiteState()  # Nobody closed the site before its migration.
            kind, sentence = type(error).__name__, str(error).partition("\n")[0]
            sparing.error(kind, "the mode of the site cannot be read: %s", sentence)


def _lacks_table(error: Exception) -> bool:
    cause = getattr(error, "orig", error)
    return isinstance(cause, psycopg.errors.UndefinedTable) or "no such table" in str(cause)


def init_app(app: Flask) -> None:
    app.extensions["site_mode"] = ModeWatch(app)


def of_app() -> ModeWatch:
    found: ModeWatch = current_app.extensions["site_mode"]
    return found


def note(state: SiteState) -> None:
    """Remember a mode that this process has just written."""
    of_app().state = state
