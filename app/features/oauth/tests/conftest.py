"""Fixtures with a provider that the app under test knows under several names."""

from collections.abc import Iterator

import pytest
from flask import Flask

from app.features.oauth import github, openid, providers, services
from app.features.oauth.providers import Provider
from app.features.oauth.tests import support
from app.features.oauth.tests.support import Server
from app.kit import outages


@pytest.fixture(scope="session")
def provider_process() -> Iterator[Server]:
    with support.run_server() as server:
        yield server


@pytest.fixture
def server(app: Flask, provider_process: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return the provider, which is acme, github and microsoft for the app under test."""
    url = provider_process.url
    client = {"client_id": support.CLIENT, "client_secret": support.SECRET}
    known = [
        Provider(name="acme", label="Acme", kind="openid", issuer=url, **client),
        Provider(name="github", label="GitHub", kind="github", issuer=url, **client),
        Provider(
            name="microsoft",
            label="Microsoft",
            kind="microsoft",
            issuer=f"{url}/common/v2.0",
            **client,
        ),
    ]
    monkeypatch.setitem(app.config, providers.PROVIDERS, {one.name: one for one in known})
    monkeypatch.setattr(github, "API", url)
    for kept in (openid.KEPT, outages.OUTAGES):
        app.extensions.pop(kept, None)
    provider_process.behave()
    return provider_process


@pytest.fixture(autouse=True)
def no_mailed_links(only_sign_in_methods):
    """Leave no way in that every user has."""
    only_sign_in_methods(services.METHOD, "passkey")
