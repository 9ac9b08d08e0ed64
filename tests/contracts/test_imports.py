"""Imports point down: each level uses only those below it (docs/architecture.md)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app import create_app
from tests.trees import tree_of

ROOT = Path(__file__).parents[2]
COMPOSITION = "app"  # create_app is the only module that knows every part

# Signing in, registering and listing users need only these modules.
CORE = [
    {"app.models"},
    {"app.emails"},
    {"app.services"},
    {
        *("app.decorators", "app.email", "app.gates", "app.session_hooks", "app.sign_in"),
        "app.templating",
    },
    {"app.account", "app.admin", "app.cli", "app.errors", "app.main", "app.tasks"},
]
LEVELS = [
    {"config", "settings"},
    {"app.kit", "app.extensions"},
    *CORE,
    {"app.features"},
    {COMPOSITION},
]
DOORS = CORE[-1]
# The blueprint of a copy is an entry point, too.
DOORS |= {
    ".".join(blueprint.import_name.split(".")[:2])
    for blueprint in create_app("testing").blueprints.values()
    if not blueprint.import_name.startswith("app.features.")
}
# Their modules may import each other, but not in cycles.
FREE_INSIDE = {"app.kit", "app.services", "app.features"}
# In a feature, these modules parse requests, jobs and commands; the others are its services.
FEATURE_DOORS = {
    *("admin", "admin_many", "account", "main", "api", "tasks", "commands", "slots", "forms"),
    "tables",  # declares pages, and names their endpoints
    "browser",  # the cookie and the banner of an impersonation
    *("blueprint", "gallery", "inbox", "patterns"),  # of the development pages
    *("resources", "web"),  # of the API
}

# Each entry has its reason. A new entry is a design fault until a reviewer accepts its reason.
MOST_IMPORTS_INSIDE_FUNCTIONS = 5  # one of them is in the example, which is not always there

APART = {"tests", "migrations"}  # folders of features with code that the app never imports


@cache
def sources() -> tuple[Path, ...]:
    return (
        ROOT / "config.py",
        *sorted((ROOT / "settings").rglob("*.py")),
        *(p for p in sorted((ROOT / "app").rglob("*.py")) if not APART & set(p.parts)),
    )


@cache
def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def modules() -> frozenset[str]:
    return frozenset(name_of(path) for path in sources())


# Nodes that may have a statement below them.
BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield the import statements below `node`, and whether each is inside a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, inside
        # Expressions hold no statements, and are most of a tree.
        elif isinstance(child, BLOCKS) and not is_for_types(child):
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from statements(child, inside or is_function)


@cache
def statements_of(path: Path) -> tuple[tuple[ast.stmt, bool], ...]:
    return tuple(statements(tree_of(path)))


def imported(node: ast.stmt) -> Iterator[str]:
    """Yield the names of this project's modules that a statement imports."""
    if isinstance(node, ast.Import):
        names = {alias.name for alias in node.names}
    else:
        assert isinstance(node, ast.ImportFrom)
        whole = {f"{node.module}.{alias.name}" for alias in node.names}
        names = {name if name in modules() else node.module or "" for name in whole}
    yield from (name for name in names if name in modules())


@cache
def edges() -> tuple[tuple[str, str], ...]:
    """Return all imports, as pairs of the module that imports and the module that it needs."""
    return tuple(
        (name_of(path), target)
        for path in sources()
        for node, _inside in statements_of(path)
        for target in imported(node)
    )


def part_of(module: str) -> str:
    """Return the module or package of LEVELS that `module` belongs to."""
    if module == COMPOSITION or not module.startswith("app."):
        return module.split(".", maxsplit=1)[0]
    return ".".join(module.split(".")[:2])


def node_of(module: str) -> str:
    return module if part_of(module) in FREE_INSIDE else part_of(module)


def level_of(module: str) -> int:
    part = part_of(module)
    levels = [number for number, parts in enumerate(LEVELS) if part in parts]
    if not levels:
        pytest.fail(
            f"Say in LEVELS of {__file__}, and in docs/architecture.md, where {part} stands."
        )
    return levels[0]


def test_every_module_has_a_level():
    known = set().union(*LEVELS)
    parts = {part_of(module) for module in modules()}
    assert not parts - known, (
        f"Give these a level in LEVELS of {__file__} and in docs/architecture.md."
    )
    assert not known - parts, f"Take these out of LEVELS of {__file__}: they are gone."


def test_imports_point_down():
    wrong = {
        (source, target)
        for source, target in edges()
        if level_of(target) > level_of(source) and source != COMPOSITION
    }
    assert not wrong


def test_the_doors_know_nothing_of_each_other():
    """Blueprints, commands, tasks and error pages can be removed one by one."""
    wrong = {
        (source, target)
        for source, target in edges()
        if part_of(source) in DOORS and part_of(target) in DOORS
        if part_of(source) != part_of(target)
    }
    assert not wrong


def test_no_imports_go_round_in_circles():
    """A package of entry points counts as one module, because views import their blueprint."""
    graph: dict[str, set[str]] = {}
    for source, target in edges():
        pair = (node_of(source), node_of(target))
        if pair[0] != pair[1]:
            graph.setdefault(pair[0], set()).add(pair[1])
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for target in graph.get(module, ()):
                visit(target, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_only_create_app_imports_the_composition():
    """`from app import something` must name a module, not the package itself."""
    wrong = {source for source, target in edges() if target == COMPOSITION}
    assert not wrong


def test_imports_are_absolute():
    wrong = [
        f"{name_of(path)}: {ast.unparse(node)}"
        for path in sources()
        for node, _inside in statements_of(path)
        if getattr(node, "level", 0)
    ]
    assert not wrong, f"Name the whole module in {wrong}."


def test_an_import_inside_a_function_says_why():
    found = []
    for path in sources():
        lines = path.read_text().splitlines()
        for node, inside in statements_of(path):
            if inside:
                found.append(f"{name_of(path)}: {ast.unparse(node)}")
                assert re.search(r"  # \w{2,}.* .+", lines[node.lineno - 1]), found[-1]
    assert len(found) <= MOST_IMPORTS_INSIDE_FUNCTIONS, found
