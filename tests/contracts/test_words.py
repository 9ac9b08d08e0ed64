"""Code, templates, scripts, pages and mails use the field's words in short sentences."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.contracts.test_sentences import MOST_WORDS, ROOT, VAGUE
from tests.trees import nodes_of

FOLDERS = (
    *("app", "benchmarks", "docs", "examples", "migrations", "scripts", "settings", "tests"),
    "upgrading",
)
SUFFIXES = {".py", ".html", ".txt", ".md", ".toml", ".js", ".scss", ".sh", ".example"}
APART = {
    "app/static",  # built
    "app/kit/passwords/common_passwords.txt",
    "tests/contracts/test_sentences.py",  # names the words
    "tests/contracts/test_words.py",
}

# A word, and the words to write instead.
UNWANTED = {
    r"whoever|whomever": "name the subject: the user, the visitor, the administrator",
    r"whom": "name the object, or turn the sentence round: the user who was invited",
    r"deeds?": "action, for what an administrator does to a user; change, for a row",
}
# A part of a name of a module, class or function, and the words of the field for it.
UNWANTED_NAMES = {
    "deed": "action",
    "joining": "register",
    "leaving": "account_deletion",
    "resetting": "password_reset",
    "acting": "impersonation, impersonating",
    "inspection": "job_reader",
    "mending": "job_actions",
    "mask": "redact, for secrets in logs and on pages",
    "masking": "redact",
    "gathering": "batch, in bulk",
    "mended": "fixed",
    "whoever": "user",
    "whom": "users",
    "aside": "without_index",
}
# Names of URLs, columns and overridable templates stay, as copies rely on them.
KEPT = {"stop_acting", "acting_as_id", "acting_as_label"}

COMMENT = {
    ".py": r"((?:^ *#[^\n]*\n)+)",
    ".html": r"\{#-?(.*?)-?#\}",
    ".txt": r"\{#-?(.*?)-?#\}",
    ".js": r"^\s*//(.*)$|/\*(.*?)\*/",
    ".scss": r"^\s*//(.*)$|/\*(.*?)\*/",
}
NO_TEXT = re.compile(r"\{#.*?#\}|\{%.*?%\}|<(style|svg|script)\b.*?</\1>", re.DOTALL)
END = re.compile(r"(?<=[.!?:])\s+")


@cache
def files() -> dict[str, Path]:
    """Return the text files of the repository by their path from its root."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        paths += (path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)
    named = {path.relative_to(ROOT).as_posix(): path for path in sorted(paths)}
    return {
        name: path
        for name, path in named.items()
        if path.suffix in SUFFIXES and not any(name.startswith(apart) for apart in APART)
    }


def python() -> list[str]:
    return [name for name in files() if name.endswith(".py")]


@cache
def nodes(name: str) -> list[ast.AST]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.Constant)
    return [node for node in nodes_of(files()[name]) if isinstance(node, kinds)]


def docstrings(name: str) -> Iterator[str]:
    for node in nodes(name):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = re.sub(r"^\s*- .*(?:\n {2,}.*)*", "", ast.get_docstring(node) or "", flags=re.M)
            yield from text.split("\n\n")


def comments(name: str) -> Iterator[str]:
    """Yield the comments of a file. Lines of Python that follow each other are one comment."""
    path = files()[name]
    for parts in re.findall(COMMENT[path.suffix], path.read_text(encoding="utf-8"), re.S | re.M):
        yield re.sub(r"^ *# ?", "", "".join(parts), flags=re.MULTILINE)


def shown(name: str) -> Iterator[str]:
    """Yield the text of a template that users read: between tags, and in quotes inside of them."""
    text = NO_TEXT.sub("\n", files()[name].read_text(encoding="utf-8"))
    yield from re.findall(r"""'([A-Z][^'{}<>]+)'""", text)
    yield from re.split(r"<[^>]*>|\{\{.*?\}\}|\n", text)


def sentences(texts: Iterator[str]) -> list[str]:
    return [one for text in texts for one in END.split(" ".join(text.split())) if one]


def vague(texts: Iterator[str]) -> list[str]:
    return [one for one in sentences(texts) if VAGUE.match(one)]


def long_ones(texts: Iterator[str]) -> list[str]:
    return [one for one in sentences(texts) if len(one.split()) > MOST_WORDS]


@pytest.mark.parametrize("word", UNWANTED)
def test_texts_name_their_subjects(word: str) -> None:
    unwanted = re.compile(rf"(?:\b|_)(?:{word})(?:\b|_)", re.IGNORECASE)
    texts = {name: path.read_text(encoding="utf-8") for name, path in files().items()}
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        if unwanted.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if unwanted.search(line)
    ]
    assert not found, f"Write the words of the field ({UNWANTED[word]}) in {found}"


def wrong(names: list[str], find: Callable[[str], list[str]]) -> dict[str, list[str]]:
    found = {name: find(name) for name in names}
    return {name: texts for name, texts in found.items() if texts}


def test_docstrings_and_comments_are_plain() -> None:
    found = wrong(python(), lambda name: vague(docstrings(name)) + vague(comments(name)))
    assert not found, f"Begin these sentences with their subject or an imperative: {found}"
    long = wrong(python(), lambda name: long_ones(docstrings(name)))
    assert not long, f"Split these into sentences of {MOST_WORDS} words: {long}"


def test_comments_of_scripts_and_styles_are_plain() -> None:
    names = [name for name in files() if name.endswith((".js", ".scss"))]
    found = wrong(names, lambda name: vague(comments(name)))
    assert not found, f"Begin these with their subject or an imperative: {found}"


def test_pages_and_mails_are_plain() -> None:
    names = [name for name in files() if "/templates/" in name]
    found = wrong(names, lambda name: vague(comments(name)) + vague(shown(name)))
    assert not found, f"Begin these with their subject, or write a label: {found}"
    long = wrong(names, lambda name: long_ones(shown(name)))
    assert not long, f"Split these into sentences of {MOST_WORDS} words: {long}"


def test_strings_that_users_read_are_plain() -> None:
    found = {
        f"{name}:{node.lineno}": node.value
        for name in python()
        for node in nodes(name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if len(node.value.split()) > 2 and VAGUE.match(node.value)
    }
    assert not found, f"Begin these with their subject, or write a label: {found}"


def test_names_are_words_of_the_field() -> None:
    names = {
        (name, node.name)
        for name in python()
        for node in nodes(name)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and "tests" not in Path(name).parts
    }
    names |= {(name, Path(name).stem) for name in python()}
    wrong_names = [
        f"{name} in {file}: instead of {word}, write {UNWANTED_NAMES[word]}"
        for file, name in sorted(names)
        for word in re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_")
        if word in UNWANTED_NAMES and name not in KEPT
    ]
    assert not wrong_names, f"Rename {wrong_names}"
