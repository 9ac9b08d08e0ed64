"""Fixtures of the database do the same as SQLAlchemy, in less time."""

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.sql.elements import (
    ReleaseSavepointClause,
    RollbackToSavepointClause,
    SavepointClause,
)

from app.extensions import db
from tests.fixtures import core


def test_savepoints_are_sent_as_sqlalchemy_would(app, monkeypatch):
    sent = []
    connection = db.session.connection()
    monkeypatch.setattr(connection, "exec_driver_sql", sent.append)
    dialect = connection.dialect

    for clause, send in {
        SavepointClause: dialect.do_savepoint,
        ReleaseSavepointClause: dialect.do_release_savepoint,
        RollbackToSavepointClause: dialect.do_rollback_to_savepoint,
    }.items():
        send(connection, "a_name")
        assert sent.pop() == str(clause("a_name").compile(dialect=dialect))


@pytest.mark.parametrize("pool", [QueuePool, StaticPool])
def test_a_pool_is_closed_once_it_has_been_used(tmp_path, pool):
    engine = create_engine(f"sqlite:///{tmp_path / 'own.sqlite'}", poolclass=pool)
    assert not core._may_have_connections(engine.pool)
    engine.connect().close()
    assert core._may_have_connections(engine.pool)
    engine.dispose()
    assert not core._may_have_connections(engine.pool)
