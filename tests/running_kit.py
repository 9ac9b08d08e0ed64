"""Run the whole app as on a laptop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.queue.support import Process, RedisServer, free_port, until


@contextmanager
def running_kit(folder: Path, **settings: str) -> Iterator[str]:
    """Run Redis, web and worker on an empty database, and return the URL."""
    redis = RedisServer(folder)
    redis.start()
    address = f"http://localhost:{(port := free_port())}"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        "FLASK_CONFIG": "development",
        "FORM_MIN_SECONDS": "0",
        "DEBUG_TOOLBAR": "False",
        "INSTANCE_PATH": str(folder / "instance"),
        "SECRET_KEY": "a key that web and worker of the tests share 0123456789",
        "APP_URL": address,
        "PORT": str(port),
        "REDIS_URL": redis.url,
        # Every test of the run has the same IP address.
        "RATELIMIT_ENABLED": "False",
        **settings,
    }
    setup = Process(environment, "setup_dev")
    assert setup.wait() == 0, setup.output
    setup.end()
    web, worker = (
        Process(environment, "runserver", "--no-reload"),
        Process(environment, "run_worker"),
    )
    try:
        worker.wait_for_line("waits for tasks")
        until(lambda: is_up(f"{address}/healthz"), "the web server answers")
        yield address
    finally:
        worker.end()
        web.end()
        redis.stop()


def is_up(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as response:  # noqa: S310 - our own server
            return bool(response.status == 200)
    except OSError:
        return False
