"""The settings in the environment, the errors at start, and their effects."""

import subprocess
import sys
from pathlib import Path

import pytest
from flask import request
from sqlalchemy.exc import IntegrityError

import config
from app.extensions import db
from app.kit.database.engines import engine_options
from app.models import User
from settings import reader
from tests.fixtures.core import PRODUCTION
from tests.processes import WITHOUT_FEATURES
from tests.support import PASSWORD

ROOT = Path(__file__).parents[1]


def problems(**variables):
    """Return the errors that prevent a start in production."""
    try:
        return config.ProductionConfig({**PRODUCTION, **variables}).check()
    except config.ConfigurationError as error:
        return str(error).splitlines()


# Errors in production


def test_a_folder_that_sqlite_cannot_name_is_refused(tmp_path):
    """The database lay beside the folder, under the first half of its name."""
    folder = tmp_path / "Shop? Yes"
    with pytest.raises(config.ConfigurationError, match="set DEV_DATABASE_URL"):
        config.DevelopmentConfig({"INSTANCE_PATH": str(folder), "SECRET_KEY": "x"})
    assert not folder.exists()


def test_production_starts_with_what_it_needs():
    assert problems() == []


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "x" * 31}, "SECRET_KEY"),
        ({"APP_URL": ""}, "APP_URL"),
        ({"APP_URL": "app.example.com"}, "APP_URL"),
        ({"APP_URL": "ftp://app.example.com"}, "APP_URL"),
        ({"APP_URL": "https://"}, "APP_URL"),
        ({"APP_URL": "https://app.example.com/sub"}, "APP_URL"),
        ({"APP_URL": "https://app.example.com?x"}, "APP_URL"),
        ({"APP_URL": "https://app.example.com#x"}, "APP_URL"),
        ({"APP_URL": "https://me@app.example.com"}, "APP_URL"),
        ({"APP_URL": "https://app.example.com:port"}, "APP_URL"),
        ({"APP_URL": "https://[app"}, "APP_URL"),
        ({"APP_URL": "http://app.example.com"}, "APP_URL"),
        ({"WAITING_MILLISECONDS": "2001"}, "WAITING_MILLISECONDS"),
        ({"WAITING_SECONDS": "26"}, "WAITING_SECONDS"),
        ({"WAITING_REQUESTS": "82"}, "WAITING_REQUESTS"),
        ({"WAITING_REQUESTS": "91"}, "WAITING_REQUESTS"),
        ({"HASHING_SLOTS": "64"}, "WAITING_REQUESTS"),
        ({"WAITING_HASHES": "91"}, "WAITING_HASHES"),
        ({"ADMIN_PASSWORD": ""}, "ADMIN_PASSWORD"),
        ({"ADMIN_PASSWORD": "password"}, "ADMIN_PASSWORD"),
        ({"PASSWORD_MIN_LENGTH": "7"}, "PASSWORD_MIN_LENGTH"),
        ({"PASSWORD_MIN_LENGTH": "twelve"}, "PASSWORD_MIN_LENGTH"),
        ({"MAIL_PORT": "0"}, "MAIL_PORT"),
        ({"MAIL_USE_TLS": "maybe"}, "MAIL_USE_TLS"),
        ({"SSL_DISABLE": "2"}, "SSL_DISABLE"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"REGISTRATION": "anyone"}, "REGISTRATION"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"DATABASE_URL": "no-such-database://host/name"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://user:hunter2@host:port/name"}, "DATABASE_URL"),
        ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://host:port/0"}, "REDIS_URL"),
    ],
)
def test_production_does_not_start_without_what_it_needs(variables, named):
    """AD-6, F36: the message names the variable, and contains no password."""
    (sentence,) = problems(**variables)
    assert sentence.startswith(named)
    assert "hunter2" not in sentence


def test_all_missing_settings_are_reported_at_once():
    """F36"""
    missing = problems(SECRET_KEY="", APP_URL="", ADMIN_PASSWORD="")
    assert len(missing) == 3


def test_a_configuration_that_does_not_exist_is_named():
    with pytest.raises(config.ConfigurationError, match=r"FLASK_CONFIG .* not staging"):
        config.load("staging")


def test_retries_are_numbers_with_commas():
    assert config.Config({}).EMAIL_RETRY_SECONDS == [10, 60, 300, 1800, 7200, 21600]
    chosen = config.Config({"EMAIL_RETRY_SECONDS": "1, 2"})
    assert chosen.EMAIL_RETRY_SECONDS == [1, 2]
    for value in ("soon", "0", "1;2"):
        with pytest.raises(config.ConfigurationError, match="EMAIL_RETRY_SECONDS"):
            config.Config({"EMAIL_RETRY_SECONDS": value})


def test_a_refusal_ends_the_process_with_a_sentence_and_no_traceback(tmp_path):
    """AD-6, F36"""
    environment = {"FLASK_CONFIG": "production", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path),
                   "INSTANCE_PATH": str(tmp_path), "SECRET_KEY": "short",
                   "PYTHONWARNINGS": "ignore", **WITHOUT_FEATURES}  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "manage.py", "routes"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "SECRET_KEY must" in ended.stderr
    assert "Traceback" not in ended.stderr


# Reading values


@pytest.mark.parametrize("text", ["1", "true", "True", "YES", "on", " true "])
def test_values_that_count_as_true(text):
    assert config.Reader({"X": text}).flag("X", default=False) is True


@pytest.mark.parametrize("text", ["0", "false", "False", "no", "OFF"])
def test_values_that_count_as_false(text):
    assert config.Reader({"X": text}).flag("X", default=True) is False


def test_an_empty_value_counts_as_absent():
    read = config.Reader({"X": ""})
    assert read.flag("X", default=True) is True
    assert read.number("X", 7) == 7
    assert read.text("X", default="y") == "y"
    assert read.listing("X") == []


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql+psycopg://u:p@h/d?sslmode=require"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("sqlite:////tmp/x.sqlite", "sqlite:////tmp/x.sqlite"),
    ],
)
def test_the_addresses_of_databases_that_hosts_hand_out_are_understood(given, used):
    assert (
        config.ProductionConfig({**PRODUCTION, "DATABASE_URL": given}).database_url(
            config.Reader({"DATABASE_URL": given})
        )
        == used
    )


def test_the_real_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("APP_NAME=From file\nMAIL_PASSWORD=a$b${HOME}c\n")
    monkeypatch.setattr(reader, "BASE_DIR", tmp_path)
    monkeypatch.setenv("APP_NAME", "From environment")
    read = config.environment()
    assert read["APP_NAME"] == "From environment"
    assert read["MAIL_PASSWORD"] == "a$b${HOME}c", "as it was typed"


def test_the_tests_read_nothing_of_a_developers_own_settings(monkeypatch):
    monkeypatch.setenv("APP_NAME", "Mine")
    monkeypatch.setenv("SECRET_KEY", "mine")
    settings = config.TestingConfig()
    assert settings.APP_NAME != "Mine"
    assert settings.SECRET_KEY != "mine"


def test_development_has_a_secret_key_of_its_own_that_only_its_owner_can_read(tmp_path):
    """AD-6"""
    variables = {"INSTANCE_PATH": str(tmp_path / "instance")}
    key = config.DevelopmentConfig(variables).SECRET_KEY
    assert len(key) >= 48
    assert key == config.DevelopmentConfig(variables).SECRET_KEY
    assert (tmp_path / "instance" / "secret_key").stat().st_mode & 0o077 == 0


# Cookies and HTTPS


def test_cookies_in_production(production):
    """SE-6"""
    app = production()
    with app.app_context():
        db.create_all()
        user = User(email="ada@example.com", confirmed=True)
        user.password = PASSWORD
        db.session.add(user)
        db.session.commit()
    client = app.test_client()
    options = {"base_url": "https://app.example.com"}
    page = client.get("/account/login", **options)
    token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    fields = {"email": "ada@example.com", "password": PASSWORD, "remember_me": "y"}
    response = client.post("/account/login", data={**fields, "csrf_token": token}, **options)
    cookies = response.headers.getlist("Set-Cookie")
    assert response.status_code == 302
    assert {cookie.split("=")[0] for cookie in cookies} == {
        "__Host-session",
        "__Host-remember_token",
        "__Host-known_browser",
    }
    for cookie in cookies:
        parts = {part.strip() for part in cookie.split(";")[1:]}
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= parts
        assert not any(part.startswith("Domain") for part in parts)


def test_plain_http_has_cookies_that_work_there(production):
    app = production(SSL_DISABLE="True", APP_URL="http://app.example.com")
    assert app.config["SESSION_COOKIE_NAME"] == "session"
    assert app.config["SESSION_COOKIE_SECURE"] is False
    assert app.config["REMEMBER_COOKIE_SECURE"] is False
    response = app.test_client().get("/healthz", base_url="http://app.example.com")
    assert response.status_code == 200
    assert "Strict-Transport-Security" not in response.headers


def test_a_page_asked_for_over_plain_http_is_found_over_https(production):
    """TL-1"""
    client = production().test_client()
    for path, found in {
        "/": "/",
        "/account/login?next=/account/manage": "/account/login?next=/account/manage",
        "/%0d%0aSet-Cookie:x=1": "/%0D%0ASet-Cookie%3Ax%3D1",
        "/static/no.css": "/static/no.css",
    }.items():
        response = client.get(path, base_url="http://app.example.com")
        assert response.status_code == 301, path
        assert response.location == f"https://app.example.com{found}"
        assert "x" not in response.headers.getlist("Set-Cookie")


def test_a_post_over_plain_http_is_refused_and_not_redirected(production):
    """TL-1"""
    response = production().test_client().post("/account/login", base_url="http://app.example.com")
    assert response.status_code == 403


def test_https_is_remembered_for_a_year(production):
    """TL-1"""
    client = production().test_client()
    for path in ("/healthz", "/nowhere"):
        header = client.get(path, base_url="https://app.example.com").headers
        age = header["Strict-Transport-Security"].split(";")[0]
        assert int(age.removeprefix("max-age=")) >= 31_536_000


def test_subdomains_use_https_only_if_the_setting_says_so(production):
    for setting, says in (("False", False), ("True", True)):
        client = production(HSTS_SUBDOMAINS=setting).test_client()
        header = client.get("/healthz", base_url="https://app.example.com").headers
        assert ("includeSubDomains" in header["Strict-Transport-Security"]) is says


def test_nothing_of_development_exists_in_production(production):
    """CF-2"""
    app = production(FLASK_DEBUG="1", DEV_PAGES="True")
    assert not app.debug
    assert not app.testing
    assert "dev" not in app.blueprints
    client = app.test_client()
    for path in ("/dev/mail", "/dev/patterns", "/console", "/?__debugger__=yes&cmd=resource"):
        response = client.get(path, base_url="https://app.example.com")
        assert response.status_code in {200, 404}
        assert "debugger" not in response.text.lower()


# Proxies


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        ("0", "192.0.2.1", "127.0.0.1"),
        ("1", "192.0.2.1", "192.0.2.1"),
        ("1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("2", "6.6.6.6, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
    ],
)
def test_only_what_our_own_proxies_said_of_the_visitor_is_believed(
    production, proxies, forwarded, seen
):
    """BF-3"""
    app = production(TRUSTED_PROXIES=proxies)
    app.add_url_rule("/who", "who", lambda: request.remote_addr)
    response = app.test_client().get(
        "/who", base_url="https://app.example.com", headers={"X-Forwarded-For": forwarded}
    )
    assert response.text == seen


def test_https_that_a_stranger_claims_is_not_believed(production):
    """BF-3"""
    headers = {"X-Forwarded-Proto": "https"}
    plain = {"base_url": "http://app.example.com", "headers": headers}
    assert production().test_client().get("/", **plain).status_code == 301
    behind_one = production(TRUSTED_PROXIES="1")
    assert behind_one.test_client().get("/healthz", **plain).status_code == 200


def test_heroku_has_one_proxy_and_a_disk_that_does_not_last(production):
    app = production("heroku")
    assert app.config["TRUSTED_PROXIES"] == 1
    assert app.config["EPHEMERAL_DISK"]


# Contents of errors


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://h/d"])
def test_errors_of_the_database_show_no_values(url):
    """AD-5, CF-2"""
    assert engine_options(url)["hide_parameters"] is True


def test_an_error_of_the_database_names_neither_the_address_nor_the_hash(make_user, app):
    """AD-5"""
    user = make_user(email="ada@example.com")
    with pytest.raises(IntegrityError) as caught:
        make_user(email="ada@example.com")
    db.session.rollback()
    assert user.password_hash not in str(caught.value)
    assert "'Ada'" not in str(caught.value)
