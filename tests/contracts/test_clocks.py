"""No test of `make test` measures time, because a busy machine would make it fail."""

import ast
import re
from pathlib import Path

from tests.trees import nodes_of

TESTS = Path(__file__).parents[1]
FEATURES = TESTS.parent / "app/features"
# Few files name the module, and the others need not be parsed.
NAMES_TIME = re.compile(r"\btime\.|\bfrom time\b")
CLOCKS = {"sleep", "monotonic", "perf_counter", "process_time", "thread_time", "time"}


def uses_a_clock(node: ast.AST) -> bool:
    return any(
        (
            isinstance(part, ast.Attribute)
            and isinstance(part.value, ast.Name)
            and part.value.id == "time"
            and part.attr in CLOCKS
        )
        or (isinstance(part, ast.ImportFrom) and part.module == "time")
        for part in ast.walk(node)
    )


def is_marked(node: ast.AST) -> bool:
    return any(
        ast.unparse(decorator).partition("(")[0] in {"pytest.mark.timing", "pytest.mark.slow"}
        for decorator in getattr(node, "decorator_list", [])
    )


def test_only_tests_that_are_marked_look_at_a_clock() -> None:
    """`make timing-test` runs those tests. Helpers that wait for events may sleep in between."""
    found = [
        f"{path.relative_to(TESTS.parent)}: {node.name}"
        for path in [*TESTS.rglob("test_*.py"), *FEATURES.glob("*/tests/test_*.py")]
        if "browser" not in path.parts and NAMES_TIME.search(path.read_text(encoding="utf-8"))
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef) and uses_a_clock(node) and not is_marked(node)
    ]
    assert not found
