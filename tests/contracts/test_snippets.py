"""Each code block of the guides is parsed: commands, options, settings and files exist.

tests/cli/test_new.py follows the recipes, tests/kit runs the blocks on indexes and files, and
`make deployment-test` uses the files of docs/deploy-linux.md.
"""

import ast
import configparser
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature
from pathlib import Path
from textwrap import dedent
from typing import Any

import click
import pytest
from flask import Flask
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.extensions import db
from app.models import Role, User
from config import Config
from manage import cli
from settings import urls
from settings.reader import Reader
from tests import factories
from tests.contracts.test_docs import ROOT, settings

BLOCK = re.compile(r"^( *)```([\w+-]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
PATTERNS = ("*.md", "docs/**/*.md", "app/features/*/*.md", "examples/*/README.md")
# Languages whose blocks no test can parse, and why.
NOT_PARSED = {
    "text": "files of other programs, and messages",
    "js": "the browser tests run the scripts of the guides",
    "markdown": "every text is Markdown",
    "powershell": "Windows runs it",
}
# Variables of scripts and of other programs, and settings of a copy's own.
OTHER_NAMES = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "WEB_PORT", "PYTHON", "ARGS", "WAREHOUSE_URL"}
CAPITALS = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
SOURCES = (
    "*.py",
    "app/**/*.py",
    "app/**/*.toml",
    "settings/*.py",
    "tests/**/*.py",
    "examples/**/*.py",
)
SOURCES += (
    "benchmarks/*.py",
    "migrations/*.py",
    "scripts/*",
    ".env.example",
    "Makefile",
    "compose.yaml",
)
UNITS = {"Unit", "Service", "Socket", "Install", "Timer"}
# Options of a program of Supervisor, from its reference.
SUPERVISOR = {
    *("command", "user", "directory", "environment", "autostart", "autorestart", "stopsignal"),
    *("stopwaitsecs", "stopasgroup", "killasgroup", "redirect_stderr", "stdout_logfile"),
    *("stderr_logfile", "startsecs", "numprocs", "process_name", "priority"),
}


@dataclass(frozen=True)
class Snippet:
    """A code block of a guide, in its language."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def snippets() -> tuple[Snippet, ...]:
    paths = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]
    return tuple(
        Snippet(
            path.relative_to(ROOT).as_posix(),
            content.count("\n", 0, block.start()) + 1,
            block[2],
            dedent(block[3]),
        )
        for path in paths
        for content in [path.read_text(encoding="utf-8")]
        for block in BLOCK.finditer(content)
    )


def of(*languages: str) -> list[Snippet]:
    return [snippet for snippet in snippets() if snippet.language in languages]


def problems(chosen: list[Snippet], parse: Callable[[str], object]) -> list[str]:
    found = []
    for snippet in chosen:
        try:
            parse(snippet.code)
        except (ValueError, SyntaxError, AssertionError, configparser.Error) as error:
            found.append(f"{snippet}: {error}")
    return found


def test_every_block_has_a_language_that_is_checked() -> None:
    parsed = {"python", "toml", "ini", "nginx", "json", "yaml", "sh", "console", "jinja", "html"}
    unknown = [str(one) for one in snippets() if one.language not in parsed | set(NOT_PARSED)]
    assert not unknown, f"Name the language, one that a test knows, of {unknown}"


def parse_ini(code: str) -> None:
    """Parse a unit of systemd, or programs of Supervisor."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(code)
    for name in parser.sections():
        if name.startswith("program:"):
            unknown = set(parser[name]) - SUPERVISOR
            assert not unknown, f"no options of Supervisor: {unknown}"
            assert parser[name]["command"].startswith("/"), "a command without its folder"
        else:
            assert name in UNITS, f"no section of systemd: {name}"
            assert all(key[0].isupper() for key in parser[name]), name


def parse_nginx(code: str) -> None:
    """Check that blocks are closed, and that every directive ends."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", re.sub(r"^\s*#.*$", "", code, flags=re.MULTILINE))
    depth = 0
    for part in re.findall(r"[^;{}]*[;{}]", bare):
        depth += {"{": 1, "}": -1}.get(part[-1], 0)
        assert depth >= 0, "a } too many"
        assert part[-1] == "}" or re.match(r"\s*[a-z_]+\b", part), f"no directive: {part.strip()}"
        assert part[-1] != "}" or not part[:-1].strip(), f"no ; ends {part[:-1].strip()}"
    assert not depth, "a { is not closed"
    assert not re.sub(r".*[;{}]", "", bare, flags=re.DOTALL).strip(), "no ; ends the last line"


def parse_python(code: str) -> None:
    """Parse statements, or lines of a dictionary, a call or a decorator."""
    try:
        ast.parse(code)
    except SyntaxError:
        parts = (f"({{\n{code}\n}})", f"call(\n{code}\n)", f"{code}\ndef view(): ...")
        for fragment in parts:
            try:
                ast.parse(fragment)
            except SyntaxError:
                continue
            return
        raise


def test_python_toml_ini_nginx_and_json_are_parsed() -> None:
    found = [
        *problems(of("python"), parse_python),
        *problems(of("toml"), tomllib.loads),
        *problems(of("ini"), parse_ini),
        *problems(of("nginx"), parse_nginx),
        *problems(of("json"), json.loads),
    ]
    assert not found, "\n".join(found)


def test_templates_are_parsed(app: Flask) -> None:
    for snippet in of("jinja", "html"):
        app.jinja_env.parse(snippet.code, filename=str(snippet))


def test_shells_parse_the_commands() -> None:
    """One shell reads all blocks, each as a function that is never called."""
    code = "".join(f"f{n}() {{\n{one.code}\n}}\n" for n, one in enumerate(of("sh", "console")))
    done = subprocess.run(["sh", "-n"], input=code, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr


# Commands of manage.py


def command_lines() -> list[tuple[str, str]]:
    """Return what follows manage.py in the guides, with the place of each."""
    start = re.compile(r"(?:python manage\.py|/srv/app/manage) +(.*)")
    found = [
        (match[1], str(snippet))
        for snippet in of("sh", "console", "ini")
        for line in snippet.code.replace("\\\n", " ").splitlines()
        if (match := start.search(line)) and "$@" not in line
    ]
    for pattern in PATTERNS:
        for path in sorted(ROOT.glob(pattern)):
            inline = re.findall(
                r"`(?:python manage\.py|/srv/app/manage) ([^`]+)`", path.read_text()
            )
            found += [(line, path.name) for line in inline if path.name != "CHANGELOG.md"]
    return found


@cache
def of_examples() -> set[str]:
    """Return the commands of the features in examples, which are there once one is added."""
    files = ROOT.glob("examples/*/commands.py")
    return set().union(*(re.findall(r"command\(\"(\w+)\"", path.read_text()) for path in files))


def wrong_words(line: str, context: click.Context) -> str:
    """Return why a line is no command of manage.py, or ""."""
    words = shlex.split(re.split(r"\s#|&&|\||;", line)[0])
    if words[0].isupper():  # stands for any command
        return ""
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        name = words.pop(0)
        if name in of_examples():
            return ""
        found = command.get_command(context, name)
        if found is None:
            return f"there is no command {name}"
        command = found
    names = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    if any(
        isinstance(one, click.Argument) and one.nargs == -1 and one.type is click.UNPROCESSED
        for one in command.params
    ):
        return ""  # handed on, as to pytest
    wrong = [
        word
        for word in words
        if re.match(r"--?[a-z]", word)
        and word.split("=")[0] not in {*names, "--help"}
        and not any(re.fullmatch(rf"{re.escape(name)}\d+", word) for name in names)
    ]
    return f"{command.name} has no {', '.join(wrong)}" if wrong else ""


def test_commands_exist_with_their_options() -> None:
    lines = command_lines()
    assert len(lines) > 50
    with cli.make_context("manage.py", ["routes"]) as context:
        found = [
            f"{place}: {line}: {why}"
            for line, place in lines
            if (why := wrong_words(line, context))
        ]
    assert not found, "\n".join(found)


def test_settings_in_blocks_exist() -> None:
    given = re.compile(
        r"(?:^|^export |config:set |config:get |config:unset | )([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?==|$)",
        re.MULTILINE,
    )
    known = settings() | OTHER_NAMES
    found = [
        f"{snippet}: {name}"
        for snippet in of("sh", "console")
        for name in given.findall(snippet.code)
        if name not in known and not name.startswith("OIDC_")
    ]
    assert not found, f"There are no such settings: {found}"


# Names of other programs, of the past, and of what a copy would write.
FOREIGN_NAMES = {"HTTPS_PROXY", "NAME_0001", "RQ_CONNECTION", "SQLALCHEMY_COMMIT_ON_TEARDOWN"}


def test_names_in_capitals_are_of_the_code() -> None:
    """A guide that names a setting or a constant which no file has is out of date."""
    files = [path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file()]
    known = set(CAPITALS.findall("\n".join(path.read_text(encoding="utf-8") for path in files)))
    missing = {
        (name, path.relative_to(ROOT).as_posix())
        for pattern in PATTERNS
        for path in ROOT.glob(pattern)
        for name in re.findall(rf"`({CAPITALS.pattern})`", BLOCK.sub("", path.read_text()))
        if path.name != "CHANGELOG.md" and name not in known | FOREIGN_NAMES | OTHER_NAMES
    }
    assert not missing


# The cells and recipes of two guides, as they are printed


def blocks_of(page: str, language: str = "python") -> list[str]:
    return [dedent(one.code) for one in of(language) if one.page == page]


def test_the_cells_of_the_notebook_run(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    first, queries, _with_pandas, service = blocks_of("docs/jupyter.md")
    monkeypatch.chdir(ROOT / "docs")
    scope: dict[str, Any] = {}
    # The cell would open the development database: the test's own application stands in.
    monkeypatch.setattr("app.create_app", lambda _name: app)
    monkeypatch.setattr("sys.path", [*sys.path])
    exec(first.replace("app.app_context().push()", ""), scope)  # noqa: S102
    assert Path.cwd() == ROOT
    with app.app_context():
        administrator = factories.make_user(role="Administrator")
        exec(queries, scope)  # noqa: S102
        assert administrator.id in {user.id for user in scope["users"]}
        exec(service, scope)  # noqa: S102
        assert db.session.get(User, scope["ada"].id)


@pytest.mark.parametrize("number", range(3))
def test_the_examples_of_the_guide_to_testing_pass(
    number: int, app: Flask, request: pytest.FixtureRequest
) -> None:
    (examples,) = blocks_of("docs/testing.md")
    scope: dict[str, Any] = {}
    exec(examples, scope)  # noqa: S102
    tests = [value for name, value in scope.items() if name.startswith("test_")]
    assert len(tests) == 3
    names = signature(tests[number]).parameters
    tests[number](**{name: request.getfixturevalue(name) for name in names})


def test_the_guide_to_testing_names_fixtures_that_exist(request: pytest.FixtureRequest) -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/testing.md").read_text(), re.MULTILINE)
    markers = {"browser", "slow", "timing", "deployment"}
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - markers
    assert named
    manager = request._fixturemanager
    missing = {name for name in named if not manager.getfixturedefs(name, request.node)}
    assert not missing


def test_the_lines_that_make_an_administrator_work(app: Flask) -> None:
    (lines,) = blocks_of("docs/users.md")
    user = factories.make_user(email="ada@example.com")
    exec(lines, {"User": User, "Role": Role, "db": db})  # noqa: S102
    assert user.is_admin()


def test_the_imports_of_a_declaration_exist() -> None:
    """Other tests run the rest of the guide: tests/cli/test_new.py and tests/kit."""
    exec(blocks_of("docs/tables.md")[0], {})  # noqa: S102


def test_the_recipe_of_a_second_database_works(tmp_path: Path) -> None:
    setting, model, query = blocks_of("docs/several-databases.md")
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)"))
        connection.execute(text("INSERT INTO orders VALUES (1, 5), (2, 7)"))
    read = Reader({"WAREHOUSE_URL": url})
    scope: dict[str, Any] = {"self": object.__new__(Config), "read": read, "urls": urls}
    exec(dedent(setting), scope)  # noqa: S102
    engine.dispose()
    # An application of its own, so that no other test meets the table.
    own = Flask("own")
    own.config.from_mapping(
        SQLALCHEMY_DATABASE_URI="sqlite://", SQLALCHEMY_BINDS=scope["self"].SQLALCHEMY_BINDS
    )
    database = type(db)(model_class=type("Base", (DeclarativeBase,), {}))
    database.init_app(own)
    names = {"db": database, "Mapped": Mapped, "mapped_column": mapped_column}
    names |= {"select": select, "__name__": __name__}
    exec(model, names)  # noqa: S102
    with own.app_context():
        exec(query, names)  # noqa: S102
        assert [order.total for order in names["orders"]] == [5, 7]
        database.session.remove()
        for one in database.engines.values():
            one.dispose()
