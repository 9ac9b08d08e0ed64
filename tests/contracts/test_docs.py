"""What the documentation and the deployment files name exists, under that name."""

import itertools
import json
import re
from pathlib import Path

import click
import pytest
import yaml
from dotenv import dotenv_values
from flask import Flask

import config
from manage import cli
from settings import example

ROOT = Path(__file__).parents[2]
GUIDES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "decisions" not in page.parts),
]
RUNNING = [
    ROOT / name
    for name in ("Procfile", "Local", "Makefile", "Dockerfile", "compose.yaml", "bin/post_compile")
]

# Read elsewhere: the choice of a configuration by config itself, the processes by
# gunicorn.conf.py.
READ_OUTSIDE_THE_CLASSES = {"FLASK_CONFIG", "WEB_CONCURRENCY"}


class Recorder(dict[str, str]):
    """An environment that notes what it is asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)


def settings() -> set[str]:
    asked = set(READ_OUTSIDE_THE_CLASSES)
    for configuration in config.config.values():
        recorder = Recorder({})
        configuration(recorder)
        asked |= recorder.asked
    return asked


def named(pattern: str, pages: list[Path]) -> set[tuple[str, str]]:
    """Return what the pattern's group finds, with the page it stands on."""
    return {
        (found, page.relative_to(ROOT).as_posix())
        for page in pages
        for found in re.findall(pattern, page.read_text(), re.MULTILINE)
    }


@pytest.fixture(scope="module")
def commands() -> set[str]:
    with cli.make_context("manage.py", ["routes"]) as context:
        names = cli.list_commands(context)
        # A hidden one is for other commands, not for people.
        return {name for name in names if not cli.get_command(context, name).hidden}  # type: ignore[union-attr]


def test_every_setting_stands_in_the_example_and_no_other() -> None:
    explained = re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(explained) == len(set(explained))
    assert set(explained) == settings()


def test_the_example_holds_the_settings_of_the_features(app: Flask) -> None:
    text = (ROOT / ".env.example").read_text()
    assert text == example.written(text, app.config["FEATURES"]), (
        "A feature.toml has other settings than .env.example: run `python manage.py features env`."
    )


def test_every_setting_of_the_example_has_an_explanation() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    setting = re.compile(r"# [A-Z_]+=")
    mail_group = {"MAIL_PORT", "MAIL_USERNAME", "MAIL_PASSWORD"}  # explained by MAIL_SERVER
    obvious = mail_group | {"ADMIN_EMAIL"}
    for before, line in itertools.pairwise(lines):
        if setting.match(line) and line[2:].split("=")[0] not in obvious:
            assert before.startswith("# "), line
            assert not setting.match(before), line


def test_an_empty_copy_of_the_example_changes_nothing(tmp_path: Path) -> None:
    assert dotenv_values(ROOT / ".env.example") == {}


def test_commands_that_are_named_exist(commands: set[str]) -> None:
    missing = {
        (name, page)
        for name, page in named(r"python manage\.py ([a-z_]+)", [*GUIDES, *RUNNING])
        if name not in commands
    }
    assert not missing


def test_the_readme_names_every_command(commands: set[str]) -> None:
    table = set(re.findall(r"`([a-z_]+)[ `]", (ROOT / "README.md").read_text()))
    of_extensions = {"assets", "limiter"}
    assert commands - of_extensions <= table


def test_command_names_keep_their_underscores(commands: set[str]) -> None:
    assert not {name for name in commands if "-" in name}


def test_every_command_says_what_it_does() -> None:
    with cli.make_context("manage.py", ["routes"]) as context:
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            assert isinstance(command, click.Command)
            assert command.get_short_help_str(), name


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    pages = [*GUIDES, ROOT / ".ci" / "run"]
    missing = {
        (name, page)
        for name, page in named(r"(?:^|[`\"] ?|\d )make ([a-z-]+)", pages)
        if name not in targets
    }
    assert not missing


def test_endpoints_that_are_named_exist(app: Flask) -> None:
    blueprints = "|".join(app.blueprints)
    missing = {
        (name, page)
        for name, page in named(rf"`((?:{blueprints})\.[a-z_]+)`", GUIDES)
        if name not in app.view_functions and not name.endswith((".py", ".in"))
    }
    assert not missing


def test_files_that_are_linked_exist() -> None:
    missing = {
        (target, page)
        for target, page in named(r"\]\((?!https?:|#)([^)#]+)", GUIDES)
        if not (ROOT / page).parent.joinpath(target).exists()
    }
    assert not missing


def test_files_that_are_named_exist() -> None:
    folders = "app|bin|docs|migrations|requirements|scripts|tests|benchmarks"
    missing = {
        (name, page)
        for name, page in named(rf"`((?:{folders})/[\w./-]*\w)`", GUIDES)
        if not (ROOT / name).exists()
    }
    assert not missing


def test_the_heroku_manifest_names_settings_and_texts_only() -> None:
    manifest = json.loads((ROOT / "app.json").read_text())
    assert set(manifest["env"]) <= settings()
    for name, variable in manifest["env"].items():
        assert set(variable) <= {"description", "value", "required", "generator"}, name
        assert isinstance(variable.get("value", ""), str), name
    assert {addon["plan"].split(":")[0] for addon in manifest["addons"]} == {
        "heroku-postgresql",
        "heroku-redis",
    }


def test_no_deployment_hook_drops_anything() -> None:
    hooks = [*RUNNING[:2], ROOT / "app.json", ROOT / "compose.yaml", ROOT / "bin" / "post_compile"]
    for hook in hooks:
        assert not re.search(r"recreate_db|add_fake_data|setup_dev|downgrade", hook.read_text())


def test_compose_hands_over_every_setting() -> None:
    """What .env says reaches each process, but for the places inside of the containers."""
    composed = {"DATABASE_URL", "REDIS_URL", "INSTANCE_PATH", "PORT"}
    given = {name: f"of-{name.lower()}" for name in settings() | {"POSTGRES_PASSWORD"}}
    given["REDIS_PASSWORD"] = "word"
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name in ("release", "web", "worker"):
        service = services[name]
        assert [file["path"] for file in service["env_file"]] == [".env"]
        # As Compose has it: `environment` wins, and ${NAME} in it is looked up in .env.
        received = given | {
            setting: re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda found: given[found[1]], value)
            for setting, value in service["environment"].items()
        }
        assert {
            setting for setting in settings() if received[setting] != given[setting]
        } == composed
        assert received["REDIS_URL"] == "redis://:word@redis/0"
        assert "of-postgres_password@database" in received["DATABASE_URL"]
        assert set(service["environment"]) <= settings()
