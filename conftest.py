"""Fixtures for the tests of the application and of each feature."""

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

gc.disable()  # until the tests are collected, because collections take a fifth of the imports

from app.kit import features  # noqa: E402
from tests.needs import missing_features  # noqa: E402

# The tests of a feature that is off are left out with it.
collect_ignore = [
    str(features.FOLDER / one.name) for one in features.installed().values() if one.off
]

# Functions of modules whose tests read the syntax trees of all files.
PARSERS = {"nodes", "nodes_of", "sources", "tree_of"}

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
    "tests.fixtures.statement_choice",
    "tests.fixtures.statements",
    "tests.fixtures.strangers",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector skip modules and tests, which stay until the process ends."""
    try:
        return (yield)
    finally:
        gc.freeze()
        # By default, objects of a few requests already start a collection.
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that parse all files, so that one process of pytest-xdist does it."""
    items.sort(key=lambda item: not _parses(item))


def _parses(item: pytest.Item) -> bool:
    names = vars(getattr(item, "module", None) or item).keys()
    return bool(PARSERS & names) and "app" not in getattr(item, "fixturenames", ())


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
