"""The end of a run of the tests says what was left out and skipped, and why."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.kit.features import FOLDER, installed
from config import BASE_DIR
from tests.trees import nodes_of


@pytest.mark.slow
@pytest.mark.skipif("bulk" not in installed(), reason="The feature bulk was removed.")
def test_a_module_that_is_left_out_is_named_also_if_processes_share_the_tests() -> None:
    name = "app/features/bulk/tests/test_api.py"
    for processes in ("-n1", "-n0"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", processes, name],
            cwd=BASE_DIR, env=os.environ | {"FEATURES_OFF": "bulk"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout
        assert f"Left out, without bulk: {name}.\n" in done.stdout


def reasons(path: Path) -> Iterator[str]:
    """Yield the reasons for which a module skips tests."""
    if "skip" not in path.read_text(encoding="utf-8"):
        return
    for node in nodes_of(path):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".skip", ".skipif")):
            named = [one.value for one in node.keywords if one.arg == "reason"]
            for one in named or node.args[:1]:
                parts = one.values if isinstance(one, ast.JoinedStr) else [one]
                words = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
                yield from ["…".join(words)] if words else []


def test_tests_are_skipped_with_sentences() -> None:
    found = {
        reason
        for folder in (BASE_DIR / "tests", FOLDER)
        for path in folder.rglob("*.py")
        for reason in reasons(path)
    }
    assert found
    wrong = {one for one in found if one[0].islower() or not one.endswith(".")}
    assert not wrong, f"Write a sentence, or use those of tests/databases.py: {wrong}"
