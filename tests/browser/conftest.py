"""Run the whole app as on a laptop, with a real Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.queue.support import Process, RedisServer, free_port, until
from tests.support import module_of

# The shell is Chromium without its windows, and takes half the processor time for a page.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)
ARGUMENTS = [
    "--no-sandbox",  # Tests may run as root in a container.
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def provider() -> Iterator[Any]:
    """Run a provider of OpenID Connect, of the feature oauth."""
    with module_of("oauth", "tests.support").run_server() as server:
        yield server


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_kit(tmp_path_factory.mktemp("kit")) as address:
        yield address


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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    assert CHROMIUM, "install Chromium: apt-get install chromium"
    expect.set_options(timeout=15_000)  # as for actions, because machines are busy
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, kit: str) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=kit)
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Return a page that fails the test on any error in the browser's console."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    yield page
    # The browser logs answers such as 404 and 400, which tests cause on purpose.
    assert [text for text in problems if "Failed to load resource" not in text] == []
