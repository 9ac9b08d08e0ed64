"""The names in the documentation and in the deployment files exist."""

import itertools
import json
import os
import re
from importlib import import_module
from pathlib import Path

import click
import pytest
import yaml
from dotenv import dotenv_values
from flask import Flask

import config
from manage import cli
from settings import example
from tests.contracts import recipes

ROOT = Path(__file__).parents[2]
FEATURES = ROOT / "app" / "features"
READMES = sorted(FEATURES.glob("*/README.md"))
PAGES_OF_FEATURES = sorted(FEATURES.glob("*/*.md"))
GUIDES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "decisions" not in page.parts),
    *PAGES_OF_FEATURES,
]
# Pages whose links are checked, and no names: they tell of the past, or of what may be added.
LINKING = [*GUIDES, *sorted(ROOT.glob("docs/decisions/*.md")), *ROOT.glob("examples/*/README.md")]
# Hosts, files and the name of a log, none of which are modules.
NO_MODULES = {"app.example.com", "app.json", "app.scss", "app.audit"}
SECTIONS = ["Pages and commands", "Settings, permissions", "Remove it", "Extend it"]
MOST_WORDS_OF_A_CHAPTER = 900
RUNNING = [
    ROOT / name
    for name in ("Procfile", "Local", "Makefile", "Dockerfile", "compose.yaml", "bin/post_compile")
]

# config itself reads the choice of a configuration, and
# gunicorn.conf.py reads the number of processes.
READ_OUTSIDE_THE_CLASSES = {"FLASK_CONFIG", "WEB_CONCURRENCY"}


class Recorder(dict[str, str]):
    """A dictionary of environment variables that records the names it is asked for."""

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
    """Return the matches of the pattern's group, with the page of each."""
    return {
        (found, page.relative_to(ROOT).as_posix())
        for page in pages
        for found in re.findall(pattern, page.read_text(), re.MULTILINE)
    }


@pytest.fixture(scope="module")
def commands() -> set[str]:
    with cli.make_context("manage.py", ["routes"]) as context:
        names = cli.list_commands(context)
        # Hidden commands are for other commands, not for users.
        return {name for name in names if not cli.get_command(context, name).hidden}  # type: ignore[union-attr]


def test_every_setting_stands_in_the_example_and_no_other() -> None:
    explained = re.findall(r"^# ([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(explained) == len(set(explained))
    assert set(explained) == settings()


def test_the_example_holds_the_settings_of_the_features(app: Flask) -> None:
    text = (ROOT / ".env.example").read_text()
    assert text == example.written(text, app.config["FEATURES"]), (
        "A feature.toml has other settings than .env.example: run `python manage.py features env`."
    )


def test_every_setting_of_the_example_has_an_explanation() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    setting = re.compile(r"# [A-Z0-9_]+=")
    mail_group = {"MAIL_PORT", "MAIL_USERNAME", "MAIL_PASSWORD"}  # MAIL_SERVER explains these
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
        if name not in commands and page != "CHANGELOG.md"
    }
    assert not missing, "Correct these: there is no such command."


def test_the_readme_names_every_command(commands: set[str]) -> None:
    """The README does, or the chapter of a feature."""
    table = set(re.findall(r"`([a-z_]+)[ `]", (ROOT / "README.md").read_text()))
    for chapter in READMES:
        table |= set(re.findall(r"`python manage\.py ([a-z_]+)", chapter.read_text()))
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
        if page != "CHANGELOG.md"
    }
    assert not missing, "Correct these: there is no such endpoint."


def is_there(path: Path) -> bool:
    """Tell whether a file exists, or is written by a recipe."""
    path = Path(os.path.normpath(path))
    return path.exists() or any(path == one or path in one.parents for one in recipes.files())


def test_files_that_are_linked_exist() -> None:
    missing = {
        (target, page)
        for target, page in named(r"\]\((?!https?:|#)([^)#]+)", LINKING)
        if not is_there((ROOT / page).parent / target)
    }
    assert not missing


def test_headings_that_are_linked_exist() -> None:
    missing = {
        (f"{target}#{heading}", page)
        for link, page in named(r"\]\((?!https?:)([^)]*#[^)]+)\)", LINKING)
        for target, _, heading in [link.partition("#")]
        if (file := (ROOT / page).parent / target if target else ROOT / page).exists()
        and heading not in anchors(file)
    }
    assert not missing


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    plain = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_files_that_are_named_exist() -> None:
    folders = "app|bin|docs|migrations|requirements|scripts|settings|tests|benchmarks"
    missing = {
        (name, page)
        for name, page in named(rf"`((?:{folders})/[\w./-]*)`", GUIDES)
        if "NAME" not in name and not is_there(ROOT / name)
    }
    assert not missing, "Correct these paths: there is no such file."


def test_modules_that_are_named_exist() -> None:
    missing = {
        (name, page)
        for name, page in named(r"`((?:app|settings)(?:\.\w+)+)(?:\(.*?\))?`", GUIDES)
        if page != "CHANGELOG.md" and name not in NO_MODULES and not has_module(name)
    }
    assert not missing, "Correct these modules: there is no such module, or name in it."


def has_module(name: str) -> bool:
    """Tell whether a dotted name is a module or a member of one."""
    parts = name.split(".")
    if hasattr(Flask, parts[1]):  # a method of an app named `app`
        return True
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        if is_there(path) or path.with_suffix(".py").exists():
            rest = parts[length:]
            return length == len(parts) or bool(
                path.is_relative_to(FEATURES)
                or hasattr(import_module(".".join(parts[:length])), rest[0])
            )
    return False


def test_every_feature_has_a_chapter_with_the_same_sections() -> None:
    features = {path.parent for path in FEATURES.glob("*/feature.toml")}
    without = sorted(path.name for path in features - {page.parent for page in READMES})
    assert not without, f"Write app/features/NAME/README.md for {', '.join(without)}."
    for page in READMES:
        text = page.read_text()
        for section in SECTIONS:
            assert f"\n## {section}\n" in text, f"{page.parent.name}/README.md lacks “{section}”."
        assert re.search("\n## What it (sends, and )?stores\n", text), page
        name = page.parent.name
        assert f"`python manage.py features remove {name}`" in text, page


def test_a_chapter_fits_on_a_page() -> None:
    for page in READMES:
        words = len(page.read_text().split())
        assert words <= MOST_WORDS_OF_A_CHAPTER, (
            f"{page.relative_to(ROOT)} has {words} words, more than {MOST_WORDS_OF_A_CHAPTER}: "
            "move details to another page of the folder."
        )


def test_a_chapter_links_to_the_other_pages_of_its_folder() -> None:
    for page in {*PAGES_OF_FEATURES} - {*READMES}:
        chapter = page.with_name("README.md")
        assert f"]({page.name})" in chapter.read_text(), (
            f"Link to {page.name} in {chapter.relative_to(ROOT)}."
        )


def test_a_chapter_names_the_permissions_settings_tables_and_pages_of_its_feature(
    app: Flask,
) -> None:
    for name, feature in app.config["FEATURES"].items():
        if not (text := (FEATURES / name / "README.md").read_text()):
            continue
        commands = (FEATURES / name / "commands.py").exists()
        known = [*feature.permissions, *feature.settings, *feature.tables]
        missing = [word for word in known if f"`{word}`" not in text]
        assert not missing, f"app/features/{name}/README.md does not name {', '.join(missing)}."
        assert not commands or "python manage.py " in text.replace("manage.py features", ""), name


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
    """Each process gets the settings of .env, except for paths inside the containers."""
    composed = {"DATABASE_URL", "REDIS_URL", "INSTANCE_PATH", "FILES_FOLDER", "PORT"}
    given = {name: f"of-{name.lower()}" for name in settings() | {"POSTGRES_PASSWORD"}}
    given["REDIS_PASSWORD"] = "word"
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name in ("release", "web", "web2", "worker"):
        service = services[name]
        assert [file["path"] for file in service["env_file"]] == [".env"]
        # As in Compose, `environment` wins, and ${NAME} in it is read from .env.
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
