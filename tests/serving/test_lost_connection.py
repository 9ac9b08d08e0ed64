"""A connection that PostgreSQL has closed, on its way back into the pool and out of it."""

from unittest.mock import Mock

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from app.kit.database import postgresql


def test_a_transaction_whose_server_is_gone_is_rolled_back_without_an_error(own_postgres) -> None:
    """F16: the session rolls back after a request, where an error is gunicorn's bare 500."""
    url = own_postgres.url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, poolclass=NullPool)
    postgresql.watch(engine)
    connection = engine.connect()
    pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(own_postgres.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
    connection.rollback()
    with pytest.raises(psycopg.OperationalError):
        connection.connection.dbapi_connection.execute("SELECT 1")
    connection.close()


def backend_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")))


def watched_engine(own_postgres, monkeypatch, *, connections: int) -> tuple[Engine, Mock]:
    """Return an engine whose connections count as in use just now, and the mock of its pings."""
    url = own_postgres.url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, pool_size=connections, pool_pre_ping=True)
    ping = Mock(wraps=engine.dialect.do_ping)
    monkeypatch.setattr(engine.dialect, "do_ping", ping)
    postgresql.watch(engine)
    monkeypatch.setattr(postgresql, "WARM", 60)
    return engine, ping


def test_a_connection_that_rests_is_pinged_unless_it_was_in_use_just_now(
    own_postgres, monkeypatch
) -> None:
    """F16: a ping is a quarter of the time to look up a user."""
    engine, ping = watched_engine(own_postgres, monkeypatch, connections=1)
    first = backend_of(engine)
    assert backend_of(engine) == first
    assert not ping.called
    with psycopg.connect(own_postgres.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (first,))
    second = backend_of(engine)
    assert second != first, "the server closed it, which costs no round trip to see"
    assert ping.call_count == 1
    monkeypatch.setattr(postgresql, "WARM", 0)
    assert backend_of(engine) == second
    assert ping.call_count == 2
    engine.dispose()


def test_a_connection_in_use_just_now_waits_no_longer_than_for_a_ping(
    own_postgres, monkeypatch
) -> None:
    """F17: without a ping, its first statement waited for a frozen server as others do, 12 s."""
    engine, ping = watched_engine(own_postgres, monkeypatch, connections=2)
    monkeypatch.setattr(postgresql, "PING_PATIENCE", 0.2)
    kept = postgresql.patience.set(5.0)
    first = backend_of(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) == first
    with engine.connect():
        pass  # It is returned without a statement.
    assert backend_of(engine) == first
    own_postgres.freeze()
    try:
        with pytest.raises(OperationalError, match=r"has not answered for 0\.2 s"):
            backend_of(engine)
        with pytest.raises(OperationalError, match="PostgreSQL does not answer"):
            backend_of(engine)
    finally:
        own_postgres.thaw()
        postgresql.patience.reset(kept)
        engine.dispose()
    assert not ping.called
