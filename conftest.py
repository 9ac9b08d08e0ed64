"""Fixtures for the tests of the application and of each feature."""

import atexit
import gc
import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

gc.disable()  # until the tests are collected, because collections take a fifth of the imports

from tests import compiled_templates  # noqa: E402
from tests.missing_features import missing_features  # noqa: E402

# Functions of modules whose tests read the syntax trees of all files.
PARSERS = {"nodes", "nodes_of", "sources", "tree_of"}
# Names in modules whose tests wait for servers and programs, and fixtures of such tests.
WAITERS = {"processes", "until"}
WAITING = {"own_redis", "serve", "tls_url"}

# These have options, which pytest reads before pytest_configure.
pytest_plugins = ["tests.fixtures.database_use", "tests.fixtures.statement_choice"]

FIXTURES = [
    "tests.fixtures.browser",
    "tests.fixtures.clones",
    "tests.fixtures.copied_cookies",
    "tests.fixtures.core",
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


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, unless this process shares out the tests and runs none (pytest-xdist).

    Fixtures import the application, for which the other processes would wait. So nothing else
    here imports it before tests are collected.
    """
    config.add_cleanup(compiled_templates.make_folder())
    collects = config.option.collectonly or config.option.showfixtures
    if config.getoption("numprocesses", None) and not (collects or hasattr(config, "workerinput")):
        return
    if hasattr(config, "workerinput"):
        # Functions that are registered later, such as those of multiprocessing, run before this.
        atexit.register(_end_at_once, os.getpid())
    for name in FIXTURES:
        config.pluginmanager.import_plugin(name)


def _end_at_once(process: int) -> None:
    """End a process whose objects would take two seconds to be freed, but none forked from it."""
    if os.getpid() == process:
        os._exit(0)  # Nobody reads the exit code: a process of pytest-xdist sends its results.


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests of a feature that is off."""
    from app.kit import features  # see pytest_configure

    if collection_path.parent != features.FOLDER:
        return None
    feature = features.installed().get(collection_path.name)
    return True if feature and feature.off else None


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
    """Begin with the longest, with those that parse all files, and with those that wait.

    Each process begins with a part of the tests in this order (pytest-xdist). So the first one
    parses the files, and it does most of the waiting, while the others keep the processors busy.
    """
    items.sort(key=lambda item: (-_minutes(item), not _parses(item), not _waits(item)))


def _minutes(item: pytest.Item) -> float:
    mark = item.get_closest_marker("slow")
    return mark.kwargs.get("minutes", 0) if mark else 0


def _parses(item: pytest.Item) -> bool:
    return _has_name(item, PARSERS) and "app" not in getattr(item, "fixturenames", ())


def _waits(item: pytest.Item) -> bool:
    return _has_name(item, WAITERS) or not WAITING.isdisjoint(getattr(item, "fixturenames", ()))


def _has_name(item: pytest.Item, names: set[str]) -> bool:
    """Return whether the module of a test has one of the names."""
    return not names.isdisjoint(vars(getattr(item, "module", None) or item))


class Unmarked(pytest.Module):
    """A module that does not give the chosen mark. It is not imported, as `-m slow` needs few."""

    def collect(self) -> list[pytest.Item]:
        return []


class LeftOut(pytest.Module):
    """A module whose tests need a feature that was removed or is off. It is not imported."""

    def collect(self) -> list[pytest.Item]:
        missing = ", ".join(sorted(missing_features(self.path)))
        left_out[self.path.relative_to(self.config.rootpath).as_posix()] = missing
        return []


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Leave out tests that need a feature which was removed or is off, and say so at the end."""
    mark: str = parent.config.option.markexpr
    if mark.isidentifier() and f"mark.{mark}" not in module_path.read_text(encoding="utf-8"):
        return Unmarked.from_parent(parent, path=module_path)  # type: ignore[no-any-return]
    if missing_features(module_path):
        return LeftOut.from_parent(parent, path=module_path)  # type: ignore[no-any-return]
    return None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Pass on what a process of pytest-xdist left out, because only these collect."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    left_out.update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell once each why tests were skipped or left out. `-rs` names those that were skipped."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = Counter(str(told[2]).removeprefix("Skipped: ") for told in skipped)
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"Skipped {count}: {reason}")
    for missing in sorted({*left_out.values()}):
        names = ", ".join(sorted(name for name, one in left_out.items() if one == missing))
        terminalreporter.line(f"Left out, without {missing}: {names}.")


left_out: dict[str, str] = {}
"""The test modules that were left out, with the features that each needs."""
