"""Fixtures for the tests of the application and of each feature."""

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

from app.kit import features
from tests.needs import missing_features

# The tests of a feature that is off are left out with it.
collect_ignore = [
    str(features.FOLDER / one.name) for one in features.installed().values() if one.off
]

pytest_plugins = [
    "tests.fixtures.clones",
    "tests.fixtures.copied_cookies",
    "tests.fixtures.core",
    "tests.fixtures.database_use",
    "tests.fixtures.last_administrator",
    "tests.fixtures.own_app",
    "tests.fixtures.processes",
    "tests.fixtures.queues",
    "tests.fixtures.races",
    "tests.fixtures.redis_over_tls",
    "tests.fixtures.s3",
    "tests.fixtures.statements",
    "tests.fixtures.strangers",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector off while tests are collected, which saves a fifth of the time.

    Modules and tests stay until the process ends, so later collections skip them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out tests that need a feature which was removed or is off, and say so at the end."""
    if collection_path.suffix == ".py" and (missing := missing_features(collection_path)):
        left_out[collection_path.relative_to(config.rootpath).as_posix()] = missing
        return True
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, missing in sorted(left_out.items()):
        terminalreporter.line(f"Left out {name}, which needs {', '.join(sorted(missing))}.")


left_out: dict[str, set[str]] = {}
