"""Test that invalid keys of Sentry and Raygun stop the start and name the setting."""

import pytest

import config
from tests.fixtures.core import PRODUCTION


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SENTRY_DSN", "my-key", "must look like https://key@"),
        ("SENTRY_DSN", "https://sentry.example.com/1", "must look like https://key@"),
        ("SENTRY_DSN", "https://key@sentry.example.com/", "must look like https://key@"),
        ("SENTRY_DSN", "https://key@sentry.example.com/team", "must look like https://key@"),
        ("SENTRY_DSN", "https://key@sentry example.com/1", "must look like https://key@"),
        ("RAYGUN_APIKEY", "two words", "in one word of ASCII"),
        ("RAYGUN_APIKEY", "a\nb", "in one word of ASCII"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_its_name(name, value, sentence):
    """F36"""
    with pytest.raises(config.ConfigurationError) as refused:
        config.ProductionConfig({**PRODUCTION, name: value})
    assert str(refused.value).startswith(f"{name} ")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "dsn",
    [
        "https://k@o1.ingest.sentry.io/12",
        "HTTP://key:secret@sentry.example.com:9000/path/1",
        "https://key@[::1]/1",
    ],
)
def test_a_dsn_of_sentry_is_taken(dsn):
    assert dsn == config.ProductionConfig({**PRODUCTION, "SENTRY_DSN": f" {dsn} "}).SENTRY_DSN
