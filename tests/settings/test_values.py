"""Invalid settings are refused with a message that names them and says what to write."""

import re

import pytest

import config
from settings import product, reader
from tests.fixtures.core import PRODUCTION

DATABASE = "DATABASE_URL must begin with postgresql:// or sqlite:///"
SHAPE = "DATABASE_URL must look like postgresql://user:password@host:5432/name"

IMPOSSIBLE = [
    ("DATABASE_URL", "postgresql+psycopg2://user:hunter2@host/name", DATABASE),
    ("DATABASE_URL", "postgresql+asyncpg://user:hunter2@host/name", DATABASE),
    ("DATABASE_URL", "postgresql+psycopg_async://user:hunter2@host/name", DATABASE),
    ("DATABASE_URL", "mysql://user:hunter2@host/name", DATABASE),
    ("DATABASE_URL", "sqlite+aiosqlite:///x", DATABASE),
    ("DATABASE_URL", "sqlite://x", SHAPE),
    ("DATABASE_URL", "postgresql://user:hunter2@host:54x/name", SHAPE),
    ("DATABASE_URL", "postgresql://h/d?schema=public", '(invalid connection option "schema")'),
    ("DATABASE_URL", "postgresql://h/d?pgbouncer=true", '(invalid connection option "pgbouncer")'),
    ("DATABASE_URL", "sqlite:////tmp/x?mode=ro", "'mode' are not accepted"),
    ("REDIS_URL", "redis://:hun/ter2@host:6379/0", "must look like redis://"),
    ("REDIS_URL", "redis://host:70000/0", "must look like redis://"),
    ("REDIS_URL", "redis://ho st/0", "must look like redis://"),
    ("REDIS_URL", "redis://host/cache", "must look like redis://"),
    ("REDIS_URL", "redis://host/0?pool=1", "an unexpected keyword argument 'pool'"),
    ("REDIS_URL", "rediss://host/0?ssl_cert_reqs=maybe", "maybe"),
    ("REDISTOGO_URL", "http://host", "must begin with redis://"),
    ("REDIS_SSL_CERT_REQS", "CERT_NONE", "must be one of required, optional, none"),
    ("APP_URL", "https://app example.com", "must look like https://app.example.com"),
    ("APP_URL", "https://app..example.com", "must look like https://app.example.com"),
    ("APP_URL", "https://app.example.com:99999", "must look like https://app.example.com"),
    ("APP_NAME", "Two\nlines", "must be one line"),
    ("APP_NAME", "Bell\a", "must be one line"),
    ("EMAIL_SUBJECT_PREFIX", "Bcc:\r\nx", "must be one line"),
    ("MAIL_PORT", "65536", "at most 65535"),
    ("MAIL_SERVER", "smtp://mail.example.com", "must hold host names"),
    ("MAIL_SERVER", "mail.example.com:587", "must hold host names"),
    ("MAIL_CA_FILE", "/nowhere/ca.pem", "must be a file that can be read"),
    ("MAIL_DEFAULT_SENDER", "nobody", "must be an address"),
    ("MAIL_DEFAULT_SENDER", "a@example.com, b@example.com", "must be an address"),
    ("MAIL_DEFAULT_SENDER", "Zoë <zoë@example.com>", "must be an address"),
    ("MAIL_DEFAULT_SENDER", "Two\nlines <a@example.com>", "must be an address"),
    ("TRUSTED_HOSTS", "https://www.example.com", "must hold host names"),
    ("TRUSTED_HOSTS", "a.example.com b.example.com", "must hold host names"),
    ("INTRANET_DOMAINS", "@corp.local", "must hold host names"),
    ("CLEAN_UP_AT", "3:30", "must be five fields"),
    ("CLEAN_UP_AT", "61 3 * * *", "must be five fields"),
    ("LOG_LEVEL", "chatty", "must be one of DEBUG, INFO"),
    ("KEEP_AUDIT_EVENTS", "99999999", "at most 36500"),
    ("KEEP_SENT_EMAILS", "99999999999", "at most 36500"),
    ("SESSION_LIFETIME", "99999999999999", "at most"),
    ("MAIL_TIMEOUT", "99999999999999", "at most"),
    ("EMAIL_RETRY_SECONDS", "10,99999999999999", "at most"),
    ("PASSWORD_MIN_LENGTH", "65", "at most 64"),
    ("INSTANCE_PATH", __file__, "must be a folder"),
    ("FILES_FOLDER", __file__, "must be a folder"),
    ("S3_BUCKET", "https://bucket.example.com", "must be the name of a bucket"),
    ("S3_ENDPOINT", "https://s3.example.com/bucket", "must look like https://app.example.com"),
    ("S3_ACCESS_KEY", "a key", "must be a key"),
    ("MAIL_PASSWORD", "\udcff", "is not UTF-8"),
    ("ADMIN_EMAIL", "admin@corp.local", "must be one email address"),
    ("ADMIN_EMAIL", "admin@localhost", "must be one email address"),
    ("ADMIN_EMAIL", "a@x.com, b@x.com", "must be one email address"),
    ("ADMIN_EMAIL", "admin", "must be one email address"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), IMPOSSIBLE)
def test_a_value_that_cannot_be_is_refused_by_its_name(name, value, sentence):
    """F36"""
    with pytest.raises(config.ConfigurationError) as refused:
        config.ProductionConfig(
            {k: v for k, v in PRODUCTION.items() if k != "REDIS_URL"} | {name: value}
        )
    assert str(refused.value).startswith(f"{name} ")
    assert sentence in str(refused.value)
    assert "hun" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("APP_URL", " https://app.example.com ", "https://app.example.com"),
        ("APP_URL", "HTTPS://App.Example.com:443/", "https://app.example.com"),
        ("APP_URL", "https://bücher.example", "https://xn--bcher-kva.example"),
        ("APP_URL", "https://[::1]:8443", "https://[::1]:8443"),
        ("MAIL_SERVER", " smtp.bücher.example ", "smtp.xn--bcher-kva.example"),
        ("MAIL_PASSWORD", " with spaces ", " with spaces "),
        ("SECRET_KEY", " with spaces ", " with spaces "),
        ("LOG_LEVEL", " debug ", "DEBUG"),
        ("REDIS_URL", "redis://:p%40ss@host:6379/0 ", "redis://:p%40ss@host:6379/0"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("ADMIN_EMAIL", " Admin@Exämple.de ", "admin@xn--exmple-cua.de"),
        ("INTRANET_DOMAINS", ".local, Mailhost", [".local", "mailhost"]),
    ],
)
def test_a_value_is_kept_in_one_form(name, value, kept):
    settings = config.ProductionConfig({**PRODUCTION, name: value})
    assert getattr(settings, name) == kept


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p@h/d ", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://h/d?sslmode=require", "postgresql+psycopg://h/d?sslmode=require"),
        ("postgresql:///d?host=/run", "postgresql+psycopg:///d?host=/run"),
        ("sqlite:////tmp/x?timeout=3", "sqlite:////tmp/x?timeout=3"),
    ],
)
def test_databases_that_can_be_are_taken(given, used):
    settings = config.ProductionConfig({**PRODUCTION, "DATABASE_URL": given})
    assert used == settings.SQLALCHEMY_DATABASE_URI


def test_hosts_are_trusted_in_their_ascii_form():
    """HO-1"""
    variables = {"APP_URL": "https://bücher.example", "TRUSTED_HOSTS": ".Bücher.example, b.example"}
    trusted = config.ProductionConfig({**PRODUCTION, **variables}).TRUSTED_HOSTS
    assert trusted == ["xn--bcher-kva.example", ".xn--bcher-kva.example", "b.example"]


# The .env file


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "utf-32"])
def test_a_file_in_another_encoding_is_named(tmp_path, monkeypatch, encoding):
    """F36: editors on Windows save such files."""
    monkeypatch.setattr(reader, "BASE_DIR", tmp_path)
    (tmp_path / ".env").write_bytes("APP_NAME=Café\n".encode(encoding))
    with pytest.raises(config.ConfigurationError, match=r"\.env is not UTF-8: save it as UTF-8"):
        config.environment()


def test_a_byte_order_mark_hides_no_setting(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "BASE_DIR", tmp_path)
    monkeypatch.delenv("APP_NAME", raising=False)
    (tmp_path / ".env").write_bytes("APP_NAME=Café\n".encode("utf-8-sig"))
    assert config.environment()["APP_NAME"] == "Café"


def test_a_folder_called_env_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "BASE_DIR", tmp_path)
    (tmp_path / ".env").mkdir()
    with pytest.raises(config.ConfigurationError, match=r"\.env cannot be read"):
        config.environment()


# Several apps on one host


def test_applications_on_two_ports_of_a_host_keep_cookies_of_their_own():
    """SE-6: a browser sends a cookie to every port of a host."""
    names = set()
    for url in ("http://localhost:5000", "http://localhost:5050", "http://localhost"):
        settings = config.DevelopmentConfig({"APP_URL": url})
        names |= {settings.SESSION_COOKIE_NAME, settings.REMEMBER_COOKIE_NAME}
    assert len(names) == 6
    for url in ("https://app.example.com", "https://app.example.com:8443"):
        settings = config.ProductionConfig({**PRODUCTION, "APP_URL": url})
        assert settings.SESSION_COOKIE_NAME.startswith("__Host-session")
        assert settings.REMEMBER_COOKIE_NAME.startswith("__Host-remember_token")


@pytest.mark.parametrize("prefix", ["", "Shop 2"])
def test_queues_and_counters_begin_alike(prefix):
    settings = config.DevelopmentConfig({"APP_NAME": "My Shop", "QUEUE_PREFIX": prefix})
    expected = "shop-2" if prefix else "my-shop"
    assert settings.QUEUE_PREFIX == settings.RATELIMIT_KEY_PREFIX == expected


def test_applications_whose_names_have_no_latin_letters_share_no_queue():
    """They all had the prefix `app`, and two with a 2 in the name both had the prefix `2`."""
    names = ["Магазин", "Склад", "商店", "市場", "Магазин 2", "Склад 2", "!!!", "App"]
    prefixes = [config.DevelopmentConfig({"APP_NAME": name}).QUEUE_PREFIX for name in names]
    assert len(set(prefixes)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[0-9a-f]{8})?", prefix) for prefix in prefixes)
    assert product.slug(prefixes[0]) == prefixes[0]
    assert product.slug("магазин") == product.slug("МАГАЗИН")


@pytest.mark.parametrize(("name", "prefix"), [("Café Rio", "caf-rio"), ("Größe 7", "gr-e-7")])
def test_a_name_with_accents_keeps_its_prefix(name, prefix):
    assert product.slug(name) == prefix


# Keys

GUESSABLE = [
    "changemechangemechangemechangeme",
    "change me please change me please!!",
    "your-secret-key-here-please-change-it-now",
    "this-is-a-very-long-secret-key-for-production",
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEF",
    "qwertyuiopasdfghjklzxcvbnm123456",
    "00000000-0000-0000-0000-000000000000",
    "hunter2hunter2hunter2hunter2hunter2",
    "a" * 64,
    "secret" * 8,
    " " * 40,
]


@pytest.mark.parametrize("key", GUESSABLE)
def test_production_does_not_start_with_a_key_that_can_be_guessed(key):
    """CF-1, AD-6"""
    (problem,) = config.ProductionConfig({**PRODUCTION, "SECRET_KEY": key}).check()
    assert problem.startswith("SECRET_KEY can be guessed. Make one: python -c")
    assert key not in problem


@pytest.mark.parametrize(
    "key",
    [
        "9f86d081884c7d659a2feaa0c55ad015",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "my flask secret dN3v0yq8Yk4cJm1XGzT7uWb2s",
    ],
)
def test_a_key_of_chance_is_taken_whatever_stands_beside_it(key):
    assert not config.can_be_guessed(key)


def test_a_key_of_a_bucket_needs_its_secret():
    half = PRODUCTION | {"S3_ACCESS_KEY": "AKIAIOSFODNN7EXAMPLE"}
    assert any("must be set together" in one for one in config.ProductionConfig(half).check())


def test_a_list_may_name_groups_of_settings():
    names = {"PARTNER_NAMES": "acme, far-away", "PARTNER_ACME_URL": " https://a.com "}
    read = reader.Reader({**names, "PARTNER_FAR_AWAY_URL": "https://b.com"})
    assert read.groups("PARTNER_NAMES", ["URL", "KEY"]) == {
        "acme": {"URL": "https://a.com", "KEY": ""},
        "far-away": {"URL": "https://b.com", "KEY": ""},
    }


@pytest.mark.parametrize("name", ["Acme", "a b", "a_b", "-a", "a--b", "ä", "1a", "../a"])
def test_the_name_of_a_group_is_a_plain_word(name):
    with pytest.raises(config.ConfigurationError, match="PARTNER_NAMES must hold words"):
        reader.Reader({"PARTNER_NAMES": name}).groups("PARTNER_NAMES", ["URL"])
