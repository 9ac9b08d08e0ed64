"""Migrate a database in use: several migrations at once, interrupted and repeated."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from tests.databases import NEEDS_POSTGRESQL

ROOT = Path(__file__).parents[2]
HEADER = """import sqlalchemy as sa
from alembic import op
from app.kit.database import migration_helpers
"""
ROLE = sa.text(
    'INSERT INTO roles (id, name, "index", "default", permissions) '
    "VALUES (:id, :name, '', false, :permissions)"
)

Revise = Callable[..., str]


@pytest.fixture
def folder(own_app: Flask, tmp_path: Path) -> Path:
    """Copy the core's revisions, to which tests add more, and apply them to the test's database."""
    copy = tmp_path / "migrations"
    shutil.copytree(
        ROOT / "migrations",
        copy,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    with own_app.app_context():
        upgrade(directory=str(copy), revision="core@head")
    return copy


@pytest.fixture
def revise(folder: Path) -> Revise:
    """Return a function that adds a revision with the given body of `upgrade`."""

    def revise(body: str) -> str:
        before = ScriptDirectory(str(folder)).get_current_head()
        name = f"test{len(list((folder / 'versions').glob('test*')))}"
        (folder / "versions" / f"{name}.py").write_text(
            f"{HEADER}revision = {name!r}\ndown_revision = {before!r}\n\n"
            f"def upgrade():\n    {body}\n\ndef downgrade():\n    pass\n"
        )
        return name

    return revise


@pytest.fixture
def apply(own_app: Flask, folder: Path) -> Callable[[], None]:
    def apply() -> None:
        with own_app.app_context():
            upgrade(directory=str(folder), revision="core@head")

    return apply


@pytest.fixture
def postgresql(own_database: str) -> str:
    """Return the URL for psycopg."""
    if not own_database.startswith("postgresql"):
        pytest.skip(NEEDS_POSTGRESQL)
    return own_database.replace("+psycopg", "")


@contextmanager
def migrating(database: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `db upgrade` in a process of its own."""
    environment = os.environ | {"FLASK_CONFIG": "testing", "TEST_DATABASE_URL": database}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "db", "upgrade", "-d", str(folder), "core@head"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said


def answers(connection: psycopg.Connection, query: str, tries: int = 600) -> None:
    """Repeat until the answer is true; the server sleeps in between."""
    for _ in range(tries):
        row = connection.execute(f"SELECT ({query}), pg_sleep(0.1)").fetchone()
        if row and row[0]:
            return
    pytest.fail(f"never true: {query}")


def rows(app: Flask, query: str) -> list:
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(sa.text(query)).all()


def test_an_index_that_was_interrupted_is_built_anew(own_app: Flask, revise, apply) -> None:
    revise("migration_helpers.create_index('ix_once', 'roles', ['permissions'], unique=True)")
    with own_app.app_context(), db.engine.begin() as connection:
        for name in ("a", "bb"):
            connection.execute(ROLE, {"id": len(name), "name": name, "permissions": 3})
    with pytest.raises(DBAPIError):
        apply()
    with own_app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM roles WHERE name = 'bb'"))
    apply()
    with own_app.app_context():
        assert "ix_once" in {index["name"] for index in sa.inspect(db.engine).get_indexes("roles")}
        is_sqlite = db.engine.dialect.name == "sqlite"
    if not is_sqlite:
        assert rows(own_app, "SELECT 1 FROM pg_index WHERE NOT indisvalid") == []


def test_an_index_is_dropped_and_made_again(own_app: Flask, revise, apply) -> None:
    revise(
        "migration_helpers.create_index('ix_roles_two', 'roles', ['permissions', 'id'], "
        "sqlite_where=sa.text('id > 1'), postgresql_where=sa.text('id > 1'))"
    )
    revise("migration_helpers.drop_index('ix_roles_two', 'roles')")
    revise("migration_helpers.drop_index('ix_roles_two', 'roles')")
    revise("migration_helpers.create_index('ix_roles_two', 'roles', ['name', 'permissions'])")
    apply()
    with own_app.app_context():
        names = [index["name"] for index in sa.inspect(db.engine).get_indexes("roles")]
    assert "ix_roles_two" in names


def test_rows_are_updated_in_batches(own_app: Flask, revise, apply) -> None:
    revise(
        "migration_helpers.BATCH = 2\n"
        "    migration_helpers.update_in_batches('roles', 'permissions = permissions + 1', "
        "where=\"name LIKE 'r%' OR name = ''\")"
    )
    with own_app.app_context(), db.engine.begin() as connection:
        for number in (1, 2, 3, 50, 2_000_000_000):
            connection.execute(ROLE, {"id": number, "name": f"r{number}", "permissions": 8})
        connection.execute(ROLE, {"id": 4, "name": "other", "permissions": 8})
    apply()
    found = rows(own_app, "SELECT permissions, count(*) FROM roles GROUP BY permissions ORDER BY 1")
    assert found == [(8, 1), (9, 5)]


def test_an_empty_table_has_no_batches(own_app: Flask, revise, apply) -> None:
    name = revise("migration_helpers.update_in_batches('roles', 'permissions = 1', where='id > 0')")
    apply()
    assert rows(own_app, "SELECT version_num FROM alembic_version") == [(name,)]


def test_each_revision_is_a_transaction(own_app: Flask, postgresql: str, revise, apply) -> None:
    """If a later revision fails, finished revisions stay and their locks end."""
    done = revise("op.add_column('roles', sa.Column('extra', sa.Integer()))")
    revise("op.execute('SELECT nothing FROM nowhere')")
    with pytest.raises(DBAPIError):
        apply()
    assert rows(own_app, "SELECT version_num FROM alembic_version") == [(done,)]
    assert rows(own_app, "SELECT extra FROM roles") == []


def test_two_that_migrate_at_once_do_not_wait_for_each_other(
    postgresql: str, folder: Path, revise
) -> None:
    """A statement that waits for the lock would block a concurrent index."""
    other = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    revise(
        "bind = op.get_bind()\n"
        f'    other = sa.text("{other}")\n'
        "    for _ in range(600):\n"
        "        if bind.scalar(other):\n"
        "            break\n"
        "        bind.execute(sa.text('SELECT pg_sleep(0.1), pg_stat_clear_snapshot()'))\n"
        "    else:\n"
        "        raise AssertionError('nobody else came')\n"
        "    migration_helpers.create_index('ix_many', 'roles', ['permissions'])"
    )
    with migrating(postgresql, folder) as one, migrating(postgresql, folder) as two:
        ended(one)
        ended(two)


def test_readers_pass_a_revision_that_waits_for_a_table(
    own_app: Flask, postgresql: str, folder: Path, revise
) -> None:
    """A change of a table waits for a long query, but other queries must not wait behind it."""
    revise("op.add_column('roles', sa.Column('extra', sa.Integer()))")
    waits = (
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'roles'::regclass)"
    )
    with (
        psycopg.connect(postgresql, autocommit=True) as watcher,
        psycopg.connect(postgresql) as long,
    ):
        long.execute("SELECT count(*) FROM roles")
        with migrating(postgresql, folder) as process:
            answers(watcher, waits)
            # Would hang until the reader's transaction ends, which is after this call.
            watcher.execute("SET statement_timeout = '60s'")
            watcher.execute("SELECT count(*) FROM roles")
            long.commit()
            ended(process)
        watcher.execute("SELECT extra FROM roles")


def test_a_migration_that_gives_up_says_who_uses_the_table(
    own_app: Flask, postgresql: str, folder: Path, revise, apply
) -> None:
    """It ended with a traceback, and told an operator at night nothing of that process."""
    env = folder / "env.py"
    env.write_text(env.read_text().replace("LOCK_ATTEMPTS = 60", "LOCK_ATTEMPTS = 2"))
    revise("op.add_column('roles', sa.Column('extra', sa.Integer()))")
    with psycopg.connect(postgresql, application_name="report") as long:
        long.execute("SELECT count(*) FROM roles")
        pid = long.info.backend_pid
        with migrating(postgresql, folder) as process:
            _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in said
    for part in (
        "A table is in use: ALTER TABLE roles ADD COLUMN extra INTEGER.",
        f"Process {pid} of PostgreSQL (report, idle in transaction) uses roles",
        f"SELECT pg_terminate_backend({pid});",
    ):
        assert part in said
    apply()


def test_a_migration_that_waits_for_another_says_so(postgresql: str, folder: Path, revise) -> None:
    tries = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND query = 'ROLLBACK' AND state = 'idle')"
    )
    with (
        psycopg.connect(postgresql, autocommit=True) as watcher,
        psycopg.connect(postgresql, autocommit=True) as other,
    ):
        other.execute("SELECT pg_advisory_lock(7362041)")
        with migrating(postgresql, folder) as process:
            answers(watcher, tries)
            other.close()
            _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.count("Another process migrates this database. Waiting for it.") == 1
