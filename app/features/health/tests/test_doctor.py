"""Test `manage.py doctor`, with a configuration for each rule that breaks only this rule."""

import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import make_url

from app import create_app
from app.extensions import db
from app.features import health
from app.features.health.services import database, deployment, probing
from app.kit import doctor
from app.kit.storage import registry
from app.models import User
from tests.cli.test_manage import PRODUCTION, manage

SOUND = {
    "PRODUCTION": True,
    "DEBUG": False,
    "EPHEMERAL_DISK": False,
    "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg:///app",
    "SECRET_KEY": "dN3v0yq8Yk4cJm1XGzT7uWb2sRhEoP5aLfKiQtVw9xC6ZjDpUe",
    "APP_URL": "https://app.example.com",
    "TRUSTED_HOSTS": ["app.example.com"],
    "SESSION_COOKIE_SECURE": True,
    "REMEMBER_COOKIE_SECURE": True,
    "MAIL_TRANSPORT": "smtp",
    "MAIL_SERVER": "smtp.example.com",
    "ADMIN_PASSWORD": "violet tractor on a hill",
}

BREAKING = [
    ("secret key", {"SECRET_KEY": "short"}),
    ("secret key", {"SECRET_KEY": "a" * 64}),
    ("secret key", {"SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEF"}),
    ("secret key", {"SECRET_KEY": "change me please change me please!!"}),
    ("secret key", {"SECRET_KEY": "super-secret-key-for-my-flask-application"}),
    ("secret key", {"SECRET_KEY_FALLBACKS": ["former"]}),
    ("debug", {"DEBUG": True}),
    ("debug", {"PRODUCTION": False}),
    ("address", {"APP_URL": "http://app.example.com"}),
    ("trusted hosts", {"TRUSTED_HOSTS": []}),
    ("trusted hosts", {"TRUSTED_HOSTS": None}),
    ("trusted hosts", {"TRUSTED_HOSTS": [""]}),
    ("trusted hosts", {"TRUSTED_HOSTS": ["app.example.com", "*"]}),
    ("cookies", {"SESSION_COOKIE_SECURE": False}),
    ("cookies", {"REMEMBER_COOKIE_SECURE": False}),
    ("redis connection", {"REDIS_URL": "redis://redis.example.com:6379/0"}),
    ("redis connection", {"REDIS_URL": "redis://:word@redis.example.com:6379/0"}),
    ("redis connection", {"REDIS_URL": "rediss://redis.example.com:6379/0"}),
    ("redis connection", {"REDIS_URL": "redis://10.0.0.5:6379/0"}),
    ("redis connection", {"REDIS_URL": "redis://redis/0"}),
    ("throttling", {"RATELIMIT_ENABLED": False}),
    (
        "database kind",
        {"EPHEMERAL_DISK": True, "S3_BUCKET": "b", "SQLALCHEMY_DATABASE_URI": "sqlite:///x"},
    ),
    ("place of files", {"EPHEMERAL_DISK": True, "S3_BUCKET": ""}),
    ("mail transport", {"MAIL_TRANSPORT": "files"}),
    ("mail connection", {"MAIL_USE_TLS": False, "MAIL_USE_SSL": False}),
    ("administrator password", {"ADMIN_PASSWORD": "password"}),
]

FINE = [
    {},
    {"REDIS_URL": "rediss://:word@redis.example.com:6379/0"},
    {"REDIS_URL": "redis://:word@redis/0"},
    {"REDIS_URL": "redis://127.0.0.1:6379/0"},
    {"REDIS_URL": "unix:///run/redis.sock"},
    {"MAIL_USE_TLS": False, "MAIL_USE_SSL": True},
    {"MAIL_SERVER": "localhost", "MAIL_USE_TLS": False},
    {"SECRET_KEY": "9f86d081884c7d659a2feaa0c55ad015"},
    {"SECRET_KEY_FALLBACKS": ["a3bf4f1b2b0b822cd15d6c15b0f00a08d4b1c2e6"]},
]


@pytest.fixture(autouse=True)
def a_kind_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some feature store files, as doctor looks at no place that nothing uses."""
    monkeypatch.setitem(registry._owners, "test", User.invited_by_id)


@pytest.fixture
def migrated(own_app: Flask, runner: FlaskCliRunner) -> FlaskCliRunner:
    own_app.config.update({**SOUND, "PRODUCTION": False})
    assert runner.invoke(args=["setup_dev"]).exit_code == 0
    own_app.config.update(SOUND)
    return runner


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return the port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(("name", "changes"), BREAKING)
def test_a_setting_that_is_not_fit_for_the_public_is_named(
    app: Flask, name: str, changes: dict[str, object]
) -> None:
    """CF-1"""
    broken = deployment.broken_rules({**app.config, **SOUND, **changes})
    assert [rule.name for rule in broken] == [name]


@pytest.mark.parametrize("changes", FINE)
def test_settings_that_are_fit_pass(app: Flask, changes: dict[str, object]) -> None:
    assert list(deployment.broken_rules({**app.config, **SOUND, **changes})) == []


def test_each_rule_has_a_configuration_that_breaks_it() -> None:
    """CF-1"""
    assert {name for name, _ in BREAKING} == {rule.name for rule in deployment.RULES}


def test_a_sound_installation_passes(migrated: FlaskCliRunner) -> None:
    result = migrated.invoke(args=["doctor", "--deploy"])
    assert result.exit_code == 0, result.output
    assert re.search(r"^database +Answers$", result.output, re.MULTILINE)
    assert re.search(r"^migrations +Up to date$", result.output, re.MULTILINE)
    assert re.search(r"^administrator +There is one$", result.output, re.MULTILINE)
    assert re.search(r"^All \d+ checks passed\.$", result.output, re.MULTILINE)


@pytest.mark.parametrize(("name", "changes"), dict(BREAKING).items())
def test_doctor_ends_with_1_and_names_it(
    own_app: Flask, migrated: FlaskCliRunner, name: str, changes: dict[str, object]
) -> None:
    """CF-1"""
    own_app.config.update(changes)
    result = migrated.invoke(args=["doctor", "--deploy"])
    assert result.exit_code == 1
    assert re.search(rf"^\d+\. {name}: \S.+\n   \S.+", result.output, re.MULTILINE), result.output


def test_settings_are_left_alone_without_deploy(own_app: Flask, migrated: FlaskCliRunner) -> None:
    own_app.config["APP_URL"] = "http://app.example.com"
    assert migrated.invoke(args=["doctor"]).exit_code == 0


def test_the_administrator_of_development_is_found(own_app: Flask, runner: FlaskCliRunner) -> None:
    """CF-1: this checks the password in the database, not only the setting."""
    runner.invoke(args=["setup_dev"])
    own_app.config.update(SOUND)
    result = runner.invoke(args=["doctor", "--deploy"])
    assert result.exit_code == 1
    assert "1. known password: The administrator has the password used in develop" in result.output
    assert "example-admin@example.com" in result.output


def test_no_administrator_is_named(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["release"])
    result = runner.invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "1. administrator: Nobody can administer the app." in result.output
    assert "setup_prod" in result.output


def test_checks_that_depend_on_a_failed_check_are_not_counted(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "1. migrations: There are no tables yet." in result.output
    assert "2. " not in result.output
    assert (
        "Not checked, because the migrations check failed: "
        "encoding, mail, returned mail, administrator, lists" in result.output
    )


def test_everything_unavailable_is_reported_in_sentences(silent_port: int) -> None:
    app = create_app(
        "testing",
        {
            "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://x@127.0.0.1:1/x",
            "REDIS_URL": f"redis://127.0.0.1:{silent_port}/0",
        },
    )
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "1. database: The database does not answer." in result.output
    assert "2. redis: Redis does not answer." in result.output
    assert "Not checked, because the redis check failed: worker, tasks." in result.output


@pytest.mark.parametrize(
    ("changes", "problem", "hint"),
    [
        ({"database": "not_there"}, 'database "not_there" does not exist', "createdb"),
        ({"username": "stranger"}, 'role "stranger" does not exist', "the user and the password"),
        ({"query": {"sslmode": "require"}}, "SSL was required", "Correct sslmode in"),
        ({"query": {"sslmode": "maybe"}}, 'invalid sslmode value: "maybe"', "Correct sslmode in"),
        ({"query": {"target_session_attrs": "x"}}, "target_session_attrs", "Correct TEST_DATA"),
    ],
)
def test_a_database_that_refuses_is_not_said_to_be_away(
    own_database: str, changes: dict[str, str], problem: str, hint: str
) -> None:
    """F36: the problem gives the reason, and the hint names the setting."""
    url = make_url(own_database)
    if url.get_backend_name() == "sqlite":
        url, problem, hint = (
            url.set(database="/nowhere/data.sqlite"),
            "unable to open database file",
            "Make the folder of the file in TEST_DATABASE_URL",
        )
    else:
        url = url.set(**changes)
    app = create_app(
        "testing", {"SQLALCHEMY_DATABASE_URI": url.render_as_string(hide_password=False)}
    )
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "1. database: The database cannot be used: " in result.output
    assert problem in result.output
    assert hint in result.output
    assert "does not answer" not in result.output


@pytest.mark.timing
def test_a_database_that_hangs_is_not_waited_for_long(silent_port: int) -> None:
    url = f"postgresql+psycopg://x@127.0.0.1:{silent_port}/x"
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": url})
    started = time.monotonic()
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "1. database: The database does not answer." in result.output
    assert time.monotonic() - started < 10


def test_a_check_with_an_error_hides_no_other_problem(app: Flask, monkeypatch) -> None:
    def fail() -> None:
        raise ValueError("Invalid endpoint")

    monkeypatch.setitem(doctor._checks, "shop", fail)
    found = {check.name: check for check in health.checks()}
    assert found["shop"].problem == "The check cannot be run (ValueError)."
    assert "Invalid endpoint" not in found["shop"].hint
    assert found["administrator"].problem
    assert not found["database"].problem


def test_a_check_that_does_not_end_is_named(app: Flask, monkeypatch) -> None:
    """It is no database that does not answer."""
    begun, ended = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        ended.wait(30)

    monkeypatch.setitem(doctor._checks, "shop", hang)
    monkeypatch.setitem(doctor._checks, "later", lambda: None)
    asked = probing.begin("test", health.Questions(["database", "shop", "later"]))
    assert begun.wait(30)
    answers, silent, later = health._answers(asked, 0)
    ended.set()
    assert answers.ok
    assert silent.name == "shop"
    assert silent.problem == "The check has no result after 0 seconds."
    assert later.waits_for == "shop"


def test_the_command_itself_exits_with_1() -> None:
    result = manage(
        "doctor",
        "--deploy",
        **{
            **PRODUCTION,
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "SSL_DISABLE": "True",
        },
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert re.search(r"^1\. database: ", result.stdout, re.MULTILINE)
    assert re.search(r"^\d+\. cookies: ", result.stdout, re.MULTILINE)


def test_unsafe_settings_are_reported_at_the_start() -> None:
    """BF-1, CF-1: every process logs it, even if nobody runs the doctor."""
    weak = "changeme" * 5
    unsafe = {"SSL_DISABLE": "True", "RATELIMIT_ENABLED": "False"}
    variables = {**unsafe, "SECRET_KEY_FALLBACKS": weak}
    result = manage("routes", **{**PRODUCTION, **variables})
    assert result.returncode == 0
    for name in ("cookies", "secret key", "throttling"):
        assert re.search(rf"WARNING .* app: {name}: ", result.stderr), result.stderr
    for setting in unsafe:
        assert setting in result.stderr
    assert "trusted hosts" not in result.stderr
    assert PRODUCTION["SECRET_KEY"] not in result.stderr
    assert weak not in result.stderr


def test_doctor_numbers_what_is_wrong(own_app: Flask, runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "1. migrations" in result.output
    assert "python manage.py db upgrade" in result.output


def test_doctor_is_content_after_the_set_up(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["setup_dev"])
    result = runner.invoke(args=["doctor"])
    assert result.exit_code == 0, result.output
    assert "checks passed" in result.output


def test_doctor_finds_what_the_public_must_not_meet(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["setup_dev"])
    result = runner.invoke(args=["doctor", "--deploy"])
    assert result.exit_code == 1
    assert "APP_URL" in result.output
    assert "ADMIN_PASSWORD" in result.output


def test_an_encoding_that_refuses_characters_is_reported(app, monkeypatch):
    assert database.stores_every_character().ok
    monkeypatch.setattr(db.engine.dialect, "name", "postgresql")
    monkeypatch.setattr(db.session, "scalar", lambda _query: "SQL_ASCII")
    check = database.stores_every_character()
    assert "SQL_ASCII" in check.problem
    assert "-T template0" in check.hint
