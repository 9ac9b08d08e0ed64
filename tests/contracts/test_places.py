"""A test of one feature stands in the folder of the feature, so that a removal takes it along.

A test that only asks for `module_of` runs without the feature as well, and stays where it is.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.kit.features import installed
from tests.trees import nodes_of, tree_of

ROOT = Path(__file__).parents[2]
# Journeys through the core read their mails in the inbox of this feature.
TOOLS = {"devtools"}
# Its fixtures install the app behind nginx, which takes too long to do for a feature by itself.
ONE_DEPLOYMENT = ROOT / "tests/deployment/test_linux_guide.py"

Requires = Mapping[str, set[str]]


def needed(nodes: list[ast.expr]) -> set[str]:
    """Return the features that marks need. Those of `pytest.param` are of one case only."""
    found = set()
    for node in nodes:
        match node:
            case ast.List() | ast.Tuple():
                found |= needed(node.elts)
            case ast.Call(func=ast.Name(id="needs")):
                found |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return found


def needed_by_all(path: Path) -> set[str]:
    """Return the features without which no test of a module runs."""
    names, marks = set(), []
    for node in tree_of(path).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks.append(node.value)
    imported = {name.split(".")[2] for name in names if name.startswith("app.features.")}
    return imported | needed(marks)


def home(features: set[str], requires: Requires) -> str | None:
    """Return the feature that requires all others of a test, if there is one."""
    homes = (name for name in features if features - {name} <= requires.get(name, set()))
    return next(homes, None)


def misplaced(path: Path, requires: Requires) -> Iterator[str]:
    """Yield where each test of one feature belongs."""
    for_all = needed_by_all(path)
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            features = (for_all | needed(node.decorator_list)) - TOOLS
            if name := home(features, requires):
                yield f"{path.name}::{node.name} to app/features/{name}/tests"


def test_a_test_of_one_feature_stands_in_its_folder() -> None:
    requires = {name: set(feature.requires) for name, feature in installed().items()}
    found = [
        told
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path != ONE_DEPLOYMENT
        # Most files name no feature, and need not be parsed.
        if any(one in path.read_text(encoding="utf-8") for one in ("needs(", "app.features."))
        for told in misplaced(path, requires)
    ]
    assert not found, (
        "A removal of the feature would leave these tests, which would be skipped for ever. "
        f"Move {'; '.join(found)}. Tests in Chromium belong into tests/browser of the feature."
    )


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('@needs("a")\ndef test_it(): ...', ["a"]),
        ('pytestmark = [browser, needs("a")]\ndef test_it(): ...', ["a"]),
        ("from app.features.a import pages\ndef test_it(): ...", ["a"]),
        ('@needs("base", "above")\ndef test_it(): ...', ["above"]),
        ('@needs("a", "devtools")\ndef test_it(): ...', ["a"]),
        ('@needs("a", "b")\ndef test_it(): ...', []),
        ('pytestmark = needs("a")\n@needs("b")\ndef test_it(): ...', []),
        ('from app.features.a import pages\n@needs("b")\ndef test_it(): ...', []),
        ('@needs("devtools")\ndef test_it(): ...', []),
        ('@parametrize("case", [1, param(2, marks=needs("a"))])\ndef test_it(case): ...', []),
        ('a = module_of("a")\ndef test_it(): ...', []),
    ],
)
def test_the_place_of_a_test_follows_from_what_it_needs(
    tmp_path: Path, text: str, places: list[str]
) -> None:
    path = tmp_path / "test_written.py"
    path.write_text(text, encoding="utf-8")
    found = misplaced(path, {"above": {"base"}})
    assert [told.split("/")[2] for told in found] == places
