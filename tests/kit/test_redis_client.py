"""Connections to Redis."""

import pytest

from app.kit import redis_client
from settings import urls


@pytest.fixture
def no_versions(monkeypatch):
    """Let redis-py fail where it reads its version from the disk."""

    def fail():
        raise AssertionError("the version is read")

    monkeypatch.setattr("redis.utils.get_lib_version", fail)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0", "unix:///a"])
def test_a_connection_does_not_read_the_version_of_the_client(no_versions, url):
    redis_client.pool(url, {}, timeout=1).make_connection()
    redis_client.connect(url, {}, timeout=1).connection_pool.make_connection()
    assert urls.redis(url) == url
