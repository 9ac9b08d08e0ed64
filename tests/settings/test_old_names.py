"""Settings of flask-base are read by their old names, with a warning that has the new one."""

import logging

import pytest
from werkzeug.datastructures import ImmutableDict

import config
from settings import old_names, reader

# Old settings, the new ones that they become, and a part of the warning.
READ = [
    (
        {"MAIL_NAME": "My Visible Name", "MAIL_ADDRESS": " no-reply@example.com "},
        {"MAIL_DEFAULT_SENDER": "My Visible Name <no-reply@example.com>"},
        "Set MAIL_DEFAULT_SENDER='My Visible Name <no-reply@example.com>' instead.",
    ),
    (
        {"MAIL_NAME": "O'Hara", "MAIL_ADDRESS": "no-reply@example.com"},
        {"MAIL_DEFAULT_SENDER": "O'Hara <no-reply@example.com>"},
        r"Set MAIL_DEFAULT_SENDER='O\'Hara <no-reply@example.com>' instead.",
    ),
    (
        {"MAIL_ADDRESS": "no-reply@example.com"},
        {"MAIL_DEFAULT_SENDER": "no-reply@example.com"},
        "MAIL_ADDRESS: read as MAIL_DEFAULT_SENDER.",
    ),
    ({"MAIL_NAME": "My Name"}, {}, "MAIL_NAME: not read without MAIL_ADDRESS."),
    (
        {"MAIL_DOMAIN": "mg.example.com", "MAIL_PASSWORD": "hunter2"},
        {"MAIL_SERVER": "smtp.mailgun.org", "MAIL_USERNAME": "postmaster@mg.example.com"},
        "Set these instead.",
    ),
    # Without a password, development keeps its mails in files.
    ({"MAIL_DOMAIN": "mg.example.com"}, {"MAIL_SERVER": ""}, "without MAIL_PASSWORD"),
    ({"MAIL_KEY": "key-hunter2"}, {"MAIL_PASSWORD": None}, "API key is no SMTP password"),
    (
        {"RQ_DEFAULT_HOST": "redis.internal", "RQ_DEFAULT_PORT": "6380"},
        {"REDIS_URL": "redis://redis.internal:6380/0"},
        "Set REDIS_URL to redis://redis.internal:6380/0 instead.",
    ),
    (
        {"RQ_DEFAULT_PASSWORD": "hun/ter2@x:%", "RQ_DEFAULT_DB": "3"},
        {"REDIS_URL": "redis://:hun%2Fter2%40x%3A%25@127.0.0.1:6379/3"},
        "redis://:(password)@127.0.0.1:6379/3",
    ),
    (
        {"RQ_DEFAULT_URL": "redis://:hunter2@host:1/2"},
        {"REDIS_URL": "redis://:hunter2@host:1/2"},
        "RQ_DEFAULT_URL: read as REDIS_URL.",
    ),
    ({"SEGMENT_API_KEY": "x"}, {}, "SEGMENT_API_KEY: not read. Pages load no script"),
]


def warnings(caplog):
    return [one.getMessage() for one in caplog.records if one.name == "settings"]


@pytest.mark.parametrize(("old", "new", "warning"), READ)
def test_an_old_name_is_read_and_the_new_one_named(caplog, old, new, warning):
    settings = config.DevelopmentConfig(old)
    assert {name: getattr(settings, name) for name in new} == new
    assert [text for text in warnings(caplog) if warning in text], warnings(caplog)
    assert "hunter2" not in caplog.text
    assert "hun/ter2" not in caplog.text


def test_every_old_name_is_reported(caplog):
    every = dict.fromkeys(old_names.OLD_NAMES, "1")
    told = " ".join(old_names.translated(every)[1])
    assert [name for name in every if name not in told] == []


def test_a_new_name_wins(caplog):
    old = {"MAIL_ADDRESS": "old@example.com", "RQ_DEFAULT_HOST": "old", "MAIL_DOMAIN": "old"}
    new = {
        "MAIL_DEFAULT_SENDER": "new@example.com",
        "REDISTOGO_URL": "redis://new",
        "MAIL_SERVER": "new.example.com",
    }
    settings = config.DevelopmentConfig(old | new)
    assert settings.MAIL_DEFAULT_SENDER == "new@example.com"
    assert settings.REDIS_URL == "redis://new"
    assert settings.MAIL_SERVER == "new.example.com"
    assert len(warnings(caplog)) == 3
    assert all("is set. Remove the old name." in text for text in warnings(caplog))


def test_names_of_today_and_empty_old_names_warn_nobody(caplog):
    variables = ImmutableDict({"MAIL_NAME": " ", "MAIL_SERVER": "mail.example.com"})
    assert config.DevelopmentConfig(variables).MAIL_SERVER == "mail.example.com"
    assert warnings(caplog) == []
    today = {"MAIL_SERVER": "mail.example.com"}
    assert old_names.translated(today)[0] is today


def test_a_wrong_value_is_refused_after_the_warning(caplog):
    with pytest.raises(config.ConfigurationError, match="REDIS_URL must look like"):
        config.DevelopmentConfig({"RQ_DEFAULT_PORT": "70000"})
    assert "RQ_DEFAULT_PORT: read as REDIS_URL." in caplog.text


def test_the_file_of_flask_base_is_read_before_env(tmp_path, monkeypatch, caplog):
    """It was parsed line by line, at most one `=` each; here any value is read."""
    (tmp_path / "config.env").write_text(
        'APP_NAME="Old = shop"\nMAIL_PORT=26\nMAIL_ADDRESS=a@b.com\n'
    )
    (tmp_path / ".env").write_text("MAIL_PORT=27\n")
    monkeypatch.setattr(reader, "BASE_DIR", tmp_path)
    monkeypatch.setattr(config, "BASE_DIR", tmp_path)
    monkeypatch.delenv("APP_NAME", raising=False)
    caplog.set_level(logging.WARNING)
    settings = config.DevelopmentConfig()
    assert (settings.APP_NAME, settings.MAIL_PORT) == ("Old = shop", 27)
    assert settings.MAIL_DEFAULT_SENDER == "a@b.com"
    assert old_names.OLD_FILE_IS_READ in warnings(caplog)
