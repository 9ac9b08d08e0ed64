"""Rolling back a connection that PostgreSQL has closed raises no error."""

import psycopg
import pytest
from sqlalchemy import create_engine, text
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
