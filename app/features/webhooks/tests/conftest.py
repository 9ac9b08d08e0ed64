"""Fixtures of webhooks."""

import threading

import pytest

from app.features.webhooks.tests.support import Receiver


@pytest.fixture
def receiver():
    """Return a server that receives webhooks."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def private_hosts(app, monkeypatch):
    """Let webhooks go to 127.0.0.1."""
    monkeypatch.setitem(app.config, "WEBHOOK_PRIVATE_HOSTS", True)
