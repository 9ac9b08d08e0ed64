"""Only the user that runs the app can read its files."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner

from app import create_app
from app.extensions import db
from tests.cli.test_manage import environment, manage
from tests.queue.support import Process, answers, free_port, until


def open_to_others(folder: Path) -> set[str]:
    """Return the paths below `folder` that other users of the machine can read."""
    found = set()
    for path in folder.rglob("*"):
        if stat.S_IMODE(path.lstat().st_mode) & 0o007:
            found.add(path.relative_to(folder).as_posix())
    return found


@pytest.fixture(autouse=True)
def generous_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def runner_on(path: Path) -> FlaskCliRunner:
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{path}"})
    return app.test_cli_runner()


def test_a_new_database_and_the_files_beside_it_are_private(tmp_path):
    """AD-6"""
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'x.sqlite'}"})
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        files = {path.name for path in tmp_path.iterdir()}
        assert files == {"x.sqlite", "x.sqlite-wal", "x.sqlite-shm"}
        assert not open_to_others(tmp_path)
    db_file = tmp_path / "x.sqlite"
    assert stat.S_IMODE(db_file.stat().st_mode) == 0o600
    with app.app_context():
        db.engine.dispose()


def test_an_older_database_is_taken_from_others_and_not_from_the_group(tmp_path):
    path = tmp_path / "x.sqlite"
    path.touch()
    path.chmod(0o664)
    assert runner_on(path).invoke(args=["db", "upgrade"]).exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO t VALUES (1)")
connection.commit()
connection.close()
"""


def test_a_second_connection_leaves_the_locks_of_the_first(tmp_path):
    """Without them, another process that closes the file deletes the log of this process."""
    path = tmp_path / "x.sqlite"
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{path}"})
    with app.app_context(), db.engine.connect() as first:
        first.exec_driver_sql("CREATE TABLE t (x)")
        first.commit()
        db.engine.connect().close()
        subprocess.run([sys.executable, "-c", WRITE, str(path)], check=True)
        assert (tmp_path / "x.sqlite-wal").exists()
        assert first.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 1
        first.rollback()
        db.engine.dispose()


def test_the_set_up_leaves_nothing_for_others_to_read(tmp_path):
    folder = tmp_path / "instance"
    result = manage("setup_dev", INSTANCE_PATH=str(folder), SECRET_KEY="", FLASK_CONFIG="")
    assert result.returncode == 0, result.stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "data-dev.sqlite").exists()
    assert not open_to_others(folder)


def test_redis_keeps_its_data_private(tmp_path):
    url = f"redis://127.0.0.1:{free_port()}/0"
    folder = tmp_path / "instance"
    server = Process(environment(INSTANCE_PATH=str(folder), REDIS_URL=url), "run_redis")
    try:
        until(lambda: answers(url), "Redis answers")
        data = folder / "redis"
        assert {path.name for path in data.iterdir()} >= {"appendonlydir"}
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert not open_to_others(data)
    finally:
        server.end()
