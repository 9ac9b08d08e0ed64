"""Find the features that a test module imports and that are not there."""

import ast
import re
from functools import cache
from pathlib import Path

from config import BASE_DIR, features_off
from settings import manifests

FEATURES = "app.features."
NAMED = re.compile(r"\bapp\.features\b(?:\.(\w+))?")


def missing_features(path: Path) -> set[str]:
    """Return the features that a file imports and that are off, including through benchmarks."""
    text = path.read_text(encoding="utf-8")
    # Most files name no feature but those that are on, and need not be parsed.
    if {*NAMED.findall(text)} <= _on() and "benchmarks" not in text:
        return set()
    return _features(path, text) - _on()


@cache
def _on() -> set[str]:
    return {name for name, one in manifests.read(off=features_off()).items() if not one.off}


def _features(path: Path, text: str) -> set[str]:
    found = set()
    for module in _imported(ast.parse(text)):
        if module.startswith(FEATURES) and module != FEATURES:
            found.add(module.split(".")[2])
        elif module.startswith("benchmarks."):
            other = BASE_DIR / f"{module.replace('.', '/')}.py"
            if other.is_file() and other != path:
                found |= _features(other, other.read_text(encoding="utf-8"))
    return found


def _imported(tree: ast.Module) -> set[str]:
    """Return the modules that a file imports at its top level."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found
