"""The responsibilities of each layer."""

import ast

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


def calls(path, *names):
    """Return the calls of methods and of modules' functions with these names."""
    return [
        node
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
    ]


# The kit's services, which commit as the core's do.
SERVICES = (
    *("app.services", "app.kit.mail", "app.kit.attempts", "app.kit.guesses", "app.kit.outgoing"),
    *("app.kit.audit", "app.kit.operations", "app.kit.storage"),
    *("app.kit.imports", "app.kit.clean_up", "app.kit.unchecked_attempts"),
)


def test_only_services_commit():
    """A use case is one service function with one commit."""
    wrong = []
    for path in APP:
        module = name_of(path)
        is_of_feature = part_of(module) == "app.features"
        if module.startswith(SERVICES) or (is_of_feature and not is_door(module)):
            continue
        for call in calls(path, "add", "delete", "commit"):
            name = ast.unparse(call.func)
            adds = name in {"db.session.add", "db.session.delete"} and is_door(module)
            if adds or name.endswith("session.commit"):
                wrong.append(f"{module} line {call.lineno}")
    assert not wrong, f"Move these changes of the database into a service: {', '.join(wrong)}."


def test_only_views_use_the_request():
    wrong = [
        f"{name_of(path)} line {node.lineno}"
        for path in APP
        if not is_door(name_of(path))
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom)
        and node.module in {"flask", "flask_login"}
        and OF_A_REQUEST & {alias.name for alias in node.names}
    ]
    assert not wrong, f"Let the view pass what these take from the request: {', '.join(wrong)}."


def test_forms_views_and_requests_are_unknown_to_services():
    wrong = []
    for path in APP:
        if is_door(name_of(path)):
            continue
        for node in nodes_of(path):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if {name.split(".")[0] for name in names} & {"wtforms", "flask_wtf", "click"}:
                wrong.append(f"{name_of(path)} line {node.lineno}")
    assert not wrong, f"Leave forms and commands to the views and commands: {', '.join(wrong)}."


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
        for call in calls(path, "enqueue", "enqueue_many")
        if ast.unparse(call.func) in {"queue.enqueue", "queue.enqueue_many"}
        and isinstance(call.args[0], ast.Constant)
    ]
    assert named
    assert set(named) <= set(TASKS)
