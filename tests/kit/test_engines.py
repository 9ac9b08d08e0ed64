"""Connect to SQLite files, as several processes do that start at the same time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from app.kit.database import engines


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Write to a new file that has no write-ahead log yet."""
    with closing(sqlite3.connect(tmp_path / "new.sqlite", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def connect(folder: Path) -> str:
    """Return the mode of the journal that a new connection finds."""
    url = f"sqlite:///{folder / 'new.sqlite'}"
    engine = create_engine(url, **engines.engine_options(url))
    engines.watch(engine)
    with engine.connect() as connection:
        return connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()


def test_a_new_file_is_switched_after_another_process_wrote_to_it(
    tmp_path: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F19"""
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        writer.execute("COMMIT")

    monkeypatch.setattr(engines, "sleep", pause)
    assert connect(tmp_path) == "wal"
    assert pauses == [engines.SWITCH_PAUSE]


def test_the_switch_ends_when_another_process_writes_for_too_long(
    tmp_path: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "LOCK_TIMEOUT", 0)
    with pytest.raises(OperationalError, match="database is locked"):
        connect(tmp_path)
