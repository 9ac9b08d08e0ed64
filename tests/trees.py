"""The syntax trees of source files, which many contract tests read: each is parsed once."""

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file. Nobody may change it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # Each collection would look at all trees, of which none ever goes. All else of the moment stays
    # too, which is little, as these tests come first (conftest.py).
    gc.freeze()
    return tree


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a file's syntax tree, as `ast.walk` yields them, which takes longer."""
    found: list[ast.AST] = [tree_of(path)]
    for node in found:
        for value in vars(node).values():
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [one for one in value if isinstance(one, ast.AST)]
    return tuple(found)
