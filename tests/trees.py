"""The syntax trees of source files, which many contract tests read: each is parsed once."""

import ast
from functools import cache
from pathlib import Path


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file. Nobody may change it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a file's syntax tree, as `ast.walk` yields them."""
    return tuple(ast.walk(tree_of(path)))
