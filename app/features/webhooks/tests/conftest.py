"""Fixtures of webhooks."""

import pytest

from app.features.webhooks.tests.support import Receiver
from tests.serving_threads import serving


@pytest.fixture
def receiver():
    """Return a server that receives webhooks."""
    with serving(Receiver()) as server:
        yield server
        server.gate.set()


@pytest.fixture
def private_hosts(app, monkeypatch):
    """Let webhooks go to 127.0.0.1."""
    monkeypatch.setitem(app.config, "WEBHOOK_PRIVATE_HOSTS", True)
