"""Check that the features of `examples` import what there is (tests/cli/test_new.py)."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples").glob("*/**/*.py"))


def imported(path: Path) -> list[tuple[str, str]]:
    """Return the modules and names of this project that a file imports, but for its feature's."""
    own = f"app.features.{path.relative_to(ROOT).parts[1]}"
    return [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
        if node.module.startswith(("app", "tests")) and not node.module.startswith(own)
        for alias in node.names
        if f"{node.module}.{alias.name}" != own
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_example_imports_what_there_is(path: Path) -> None:
    for module, name in imported(path):
        there = import_module(module)
        assert hasattr(there, name) or import_module(f"{module}.{name}"), (
            f"{path} imports {name} of {module}. Was it renamed?"
        )
