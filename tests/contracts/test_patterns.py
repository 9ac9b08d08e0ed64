"""No regular expression is slow on long, hostile texts.

Visitors may send long texts that are made to be slow: one word of 64,000 letters took a process a
minute. Each pattern gets long texts built from its own parts. The test bounds the processor
time, not the elapsed time, and by far more than a good pattern needs. So a busy machine does not
make it fail.
"""

import ast
import importlib
import os
import pkgutil
import re
import signal
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from runpy import run_path
from typing import Any

import pytest

import app
import settings
from settings import manifests
from tests.processes import run as run_program
from tests.trees import nodes_of

ROOT = Path(__file__).parents[2]
LENGTH = 50_000
# Seconds of the processor for one text: good patterns need 0.005 to 0.15, slow ones 1.5 to 25.
CPU_SECONDS = 1
# Modules whose patterns are not kept in a module variable, and the reason.
MADE_ELSEWHERE = {
    "settings/declarations.py": "compiles patterns of settings, which are tried below",
    "settings/urls.py": "reads messages about settings",
    "app/kit/assets.py": "reads templates, styles and icons while assets are built",
    "app/kit/features/guides.py": "is made of the names of a feature, for a command of developers",
    "app/kit/web/logs/log_lines.py": "is made of the path of a view",
    "app/kit/audit/forgetting.py": "is made for one person, and tested in test_forgetting",
}
# Few files name the module, and the others need not be parsed.
NAMES_RE = re.compile(r"\bre\.")
# Characters that no pattern asks for.
PUMPS = ["a", "A", "0", " ", "\n", "-", ".", "/", "%", "a.", "a ", "a-A0.", "aA0-aA0-.", "'", '"']


def patterns() -> dict[str, re.Pattern[Any]]:
    """Return every compiled pattern in the modules of the app, by its place."""
    spaces = {"gunicorn.conf.py": run_path(str(ROOT / "gunicorn.conf.py"))}
    for package in (app, settings):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".tests" in module.name:
                continue
            spaces[module.name] = vars(importlib.import_module(module.name))
    for name, feature in manifests.read().items():
        spaces[f"feature.toml of {name}"] = {
            setting.name: setting.options for setting in feature.settings.values()
        }
    return {
        f"{pattern.pattern!r:.60} in {name}": pattern
        for name, space in spaces.items()
        for pattern in found_in(list(space.values()), depth=3)
        if not name.startswith("app.kit.assets")
    }


def found_in(values: Any, depth: int) -> Iterator[re.Pattern[Any]]:
    for value in values:
        if isinstance(value, re.Pattern):
            yield value
        elif depth and isinstance(value, dict):
            yield from found_in([*value, *value.values()], depth - 1)
        elif depth and isinstance(value, tuple | list | set | frozenset):
            yield from found_in(value, depth - 1)


def attacks(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Yield long texts that are likely to be slow for a pattern."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE & ~re.LOCALE)
    count = repeats(tree)
    for long in range(count + 1):
        text, _ = sample(tree, long, 0, LENGTH)
        short, _ = sample(tree, long, 0, 30)
        # The texts are cut off, so that the end does not match, and repeated.
        for whole in (text, text[: LENGTH * 2 // 3], short * (LENGTH // (len(short) or 1))):
            yield whole
            yield f"{whole}\0"
        for size in range(1, len(short), 5):
            yield short[:size] * (LENGTH // size)
    for pump in PUMPS:
        yield pump * (LENGTH // len(pump))


def repeats(tree: Any) -> int:
    """Return the number of unbounded repetitions in a pattern."""
    kinds = {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}
    total = 0
    for kind, value in tree:
        if kind in kinds:
            total += value[1] == sre.MAXREPEAT
        parts = value if isinstance(value, tuple | list) else [value]
        for part in parts:
            for piece in part if isinstance(part, list) else [part]:
                if isinstance(piece, parser.SubPattern):
                    total += repeats(piece)
    return total


def sample(tree: Any, long: int, seen: int, size: int) -> tuple[str, int]:  # noqa: C901
    """Return a text that matches a pattern, or nearly, whose repetition number `long` is long.

    Lookarounds are left out. `seen` counts the repetitions so far; the new count is returned.
    """
    text = ""
    for kind, value in tree:
        if kind is sre.LITERAL:
            text += chr(value)
        elif kind in (sre.NOT_LITERAL, sre.ANY, sre.IN, sre.CATEGORY):
            text += a_character(kind, value)
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, inner = value
            is_long = most == sre.MAXREPEAT and seen == long
            seen += most == sre.MAXREPEAT
            part, seen = sample(inner, long, seen, size)
            text += part * (size // (len(part) or 1) if is_long else max(least, 1))
        elif kind is sre.SUBPATTERN:
            part, seen = sample(value[3], long, seen, size)
            text += part
        elif kind is sre.ATOMIC_GROUP:
            part, seen = sample(value, long, seen, size)
            text += part
        elif kind is sre.BRANCH:
            for number, branch in enumerate(value[1]):
                part, seen = sample(branch, long, seen, size)
                text += "" if number else part
        elif kind is sre.GROUPREF:
            text += '"'
        elif kind in (sre.ASSERT, sre.ASSERT_NOT):
            seen += repeats(value[1])
    return text, seen


def a_character(kind: Any, value: Any) -> str:
    """Return a character of a set, if possible a usual one."""
    if kind is sre.NOT_LITERAL:
        return "b" if value == ord("a") else "a"
    if kind is sre.ANY:
        return "a"
    one = re.compile(parser_text(value)) if kind is sre.IN else None
    candidates = chain(["a", "A", "0", " ", "\n", '"'], map(chr, range(0x11000)))
    return next(c for c in candidates if one is None or one.match(c))


def parser_text(items: Any) -> str:
    """Return the source of a set of characters."""
    names = {
        sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D",
        sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_NOT_SPACE: r"\S",
        sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
    }  # fmt: skip
    text = ""
    for kind, value in items:
        if kind is sre.NEGATE:
            text += "^"
        elif kind is sre.LITERAL:
            text += re.escape(chr(value))
        elif kind is sre.RANGE:
            text += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        else:
            text += names[value]
    return f"[{text}]"


def run(chosen: dict[str, re.Pattern[Any]]) -> None:
    """Search long texts with patterns, and print the name of each pattern first.

    A pattern that several modules import is tried once.
    """
    once = {(pattern.pattern, pattern.flags): name for name, pattern in chosen.items()}
    for name in once.values():
        pattern = chosen[name]
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        for text in set(attacks(pattern)):
            given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # ends this process
            pattern.sub(given[:0], given)  # begins at each character


def within_the_bound(argument: str) -> tuple[int, str]:
    """Run this file with a limit on processor time; return its result, and the last pattern."""
    ended = run_program("-m", __name__, argument, env=dict(os.environ))
    lines = ended.stdout.splitlines() or [ended.stderr]
    return ended.returncode, lines[-1]


@pytest.mark.slow
def test_every_pattern_reads_a_text_once() -> None:
    code, last = within_the_bound("all")
    assert code == 0, (
        f"This pattern is slow, or cannot be tried: {last}. Begin it at what ends the repetition "
        "before (a lookbehind), make the repetition possessive (`++`), or bound it ({0,80})."
    )


@pytest.mark.parametrize(
    "slow",
    [
        r"[A-Za-z0-9_-]{8,}\.[A-Z]{27,}",  # an earlier pattern that redacted tokens
        r"\s+$",
    ],
)
def test_a_slow_pattern_is_noticed(slow: str) -> None:
    code, last = within_the_bound(slow)
    assert code != 0
    assert repr(slow)[:40] in last


def test_patterns_stand_in_their_modules() -> None:
    """Patterns that are compiled inside a function are not tested above."""
    assert len(patterns()) > 30
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in (app, settings)
        for path in [*Path(folder.__path__[0]).rglob("*.py"), ROOT / "gunicorn.conf.py"]
        if str(path.relative_to(ROOT)) not in MADE_ELSEWHERE
        and "tests" not in path.parts
        and NAMES_RE.search(path.read_text(encoding="utf-8"))
        for function in nodes_of(path)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "re"
        and node.attr not in {"escape", "Pattern", "Match"}
    ]
    assert hidden == [], "Compile the pattern in the module, by a name."


if __name__ == "__main__":
    run(patterns() if sys.argv[1] == "all" else {repr(sys.argv[1]): re.compile(sys.argv[1])})
