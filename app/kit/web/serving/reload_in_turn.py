"""Reload gunicorn without a gap: old workers serve until all new ones have loaded the application.

gunicorn itself ends the old workers as soon as it has forked the new ones, which then load for
seconds. A worker that cannot load would end it as a whole. gunicorn.conf.py runs this file by its
path.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.errors import HaltServer

PAUSE = 0.1  # seconds between two looks at the workers


def init_server(server: Any) -> None:
    """Let SIGHUP call `reload`. Its handler is looked up on the server at each signal."""
    server.handle_hup = partial(reload, server)


def reload(server: Any) -> None:
    """Start as many workers as are configured, and end the old ones when all are ready.

    The old ones go on if one of the new ones fails. Signals that arrive meanwhile wait.
    """
    server.log.info("Reloading: the old workers serve until the new ones are ready")
    old = set(server.WORKERS)
    try:
        server.app.reload()
    except SystemExit:  # with a message, for a mistake in gunicorn.conf.py
        server.app.cfg = server.cfg
        server.log.error("The old workers go on")
        return
    server.setup(server.app)
    server.log.reopen_files()
    new = {server.spawn_worker() for _ in range(server.cfg.workers)}
    if _are_ready(server, new):
        _end(server, old)
        return
    server.log.error("A new worker could not start. The old ones go on with the old code")
    server.num_workers = len(old)
    _end(server, new)


def _are_ready(server: Any, workers: Iterable[int]) -> bool:
    """Wait until all workers are ready (PatientWorker.run), and return whether they are.

    gunicorn kills slow ones.
    """
    while True:
        try:
            server.reap_workers()
        except HaltServer:
            return False
        alive = [server.WORKERS[pid] for pid in workers if pid in server.WORKERS]
        if any(pid not in server.WORKERS for pid in workers):
            return False
        if all(os.fstat(worker.tmp.fileno()).st_size for worker in alive):
            return True
        server.murder_workers()
        time.sleep(PAUSE)


def _end(server: Any, workers: Iterable[int]) -> None:
    """End workers when their requests are answered, and kill them after gunicorn's timeout."""
    deadline = time.monotonic() + server.cfg.graceful_timeout
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in set(workers) & set(server.WORKERS):
            server.kill_worker(pid, number)
        while set(workers) & set(server.WORKERS):
            with suppress(HaltServer):
                server.reap_workers()
            if number == signal.SIGTERM and time.monotonic() > deadline:
                break
            time.sleep(PAUSE)
