"""Test the answers of /readyz."""

from app.features import health
from app.features.health import Check


def test_readiness_names_what_is_not_right_and_nothing_more(client, monkeypatch):
    """CF-8"""
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert {"database", "migrations", "redis"} <= set(ready.json)
    assert set(ready.json.values()) == {"ok"}
    found = [Check("database", "no route to 10.0.0.5", "psql -h 10.0.0.5"), Check("redis")]
    monkeypatch.setattr(health, "readiness", lambda: found)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"database": "not ready", "redis": "ok"}
