"""The responsibilities of each layer."""

import ast

import pytest

from app.kit.queue import TASKS
from tests.contracts.test_imports import (
    CORE,
    FEATURE_DOORS,
    LEVELS,
    level_of,
    name_of,
    part_of,
    sources,
)
from tests.trees import nodes_of

# Objects of a request. Code below the views must not use them, so that commands and the worker
# can do everything that a page can.
OF_A_REQUEST = {"request", "session", "current_user", "flash", "abort", "redirect", "login_user"}
LOWEST_LEVEL_WITH_A_REQUEST = LEVELS.index(CORE[3])
# The kit's entry points: code between a request and a view, and commands.
KIT_DOORS = ("app.kit.web", "app.kit.cli", "app.kit.queue.commands", "app.kit.database.migrations")

APP = [path for path in sources() if name_of(path).startswith("app")]


def is_door(module):
    if part_of(module) == "app.features":
        return bool(FEATURE_DOORS & set(module.split(".")[3:]))
    return level_of(module) >= LOWEST_LEVEL_WITH_A_REQUEST or module.startswith(KIT_DOORS)


def calls(path):
    return [node for node in nodes_of(path) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", APP, ids=name_of)
def test_only_services_commit(path):
    """A use case is one service function with one commit."""
    if name_of(path).startswith(
        (
            *("app.services", "app.kit.mail", "app.kit.attempts", "app.kit.guesses"),
            *("app.kit.audit", "app.kit.operations", "app.kit.storage"),
            "app.kit.imports",
        )
    ):
        return
    if part_of(name_of(path)) == "app.features" and not is_door(name_of(path)):
        return
    for call in calls(path):
        name = ast.unparse(call.func)
        assert not name.endswith("session.commit"), f"line {call.lineno}"
        assert name not in {"db.session.add", "db.session.delete"} or not is_door(name_of(path))


@pytest.mark.parametrize("path", APP, ids=name_of)
def test_what_belongs_to_a_request_stays_with_the_views(path):
    if is_door(name_of(path)):
        return
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.module in {"flask", "flask_login"}:
            assert not OF_A_REQUEST & {alias.name for alias in node.names}, f"line {node.lineno}"


@pytest.mark.parametrize("path", APP, ids=name_of)
def test_forms_views_and_requests_are_unknown_to_services(path):
    if is_door(name_of(path)):
        return
    for node in nodes_of(path):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] not in {"wtforms", "flask_wtf", "click"}, (
                f"line {node.lineno}"
            )


def test_only_the_configuration_reads_the_environment():
    for path in APP:
        for node in nodes_of(path):
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if isinstance(node, ast.Attribute | ast.Name) and name in {"environ", "getenv"}:
                assert ast.unparse(node) not in {"os.environ", "os.getenv", "environ", "getenv"}, (
                    f"{name_of(path)} line {node.lineno}"
                )


def test_tasks_that_are_queued_by_name_exist(app):
    named = [
        call.args[0].value
        for path in APP
        for call in calls(path)
        if ast.unparse(call.func) in {"queue.enqueue", "queue.enqueue_many"}
        and isinstance(call.args[0], ast.Constant)
    ]
    assert named
    assert set(named) <= set(TASKS)
