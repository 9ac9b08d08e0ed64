"""Only one part of the app may import each of these packages, so that it can be replaced."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.trees import nodes_of

APP = Path(__file__).parents[2] / "app"


def imports(path, *packages):
    """Tell whether a file imports one of the packages, at any place in it."""
    text = path.read_text(encoding="utf-8")
    return any(one in text for one in packages) and not imported(path).isdisjoint(packages)


@cache
def imported(path):
    """Return the top-level names of the packages that a file imports."""
    found = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("package", "home"),
    [
        ("rq", "kit/queue/"),
        ("flask_rq2", "kit/queue/extension.py"),
        ("smtplib", "kit/mail/transport.py"),
    ],
)
def test_a_package_is_known_to_one_part_only(package, home):
    users = {
        path.relative_to(APP).as_posix()
        for path in APP.rglob("*.py")
        if "tests" not in path.parts and imports(path, package)
    }

    assert users
    assert [user for user in users if not user.startswith(home)] == []


def test_nothing_is_pickled():
    assert [path for path in APP.rglob("*.py") if imports(path, "pickle", "dill")] == []
