"""Measure how long readers and writers of a large table wait while it is migrated."""

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from app.kit.database import migrations
from benchmarks.results import Result
from benchmarks.stand import POSTGRESQL, Stand
from config import BASE_DIR
from tests.processes import WITHOUT_FEATURES

BAR = 1.0  # seconds that a reader or a writer may wait
REPORT = 6.0  # seconds for which a report keeps the table
HEADER = """import sqlalchemy as sa
from alembic import op
from app.kit.database import migration_helpers as helpers
"""
# The recipes of docs/migrations.md for large tables, a revision each.
RECIPES = {
    "a column": "op.add_column('users', sa.Column('phone', sa.String(40)))",
    "a column with a default": (
        "op.add_column('users', sa.Column('points', sa.Integer, server_default='0', "
        "nullable=False))"
    ),
    "old rows filled": (
        "helpers.update_in_batches('users', 'phone = last_name', where='phone IS NULL')"
    ),
    "an index": "helpers.create_index('ix_users_phone', 'users', ['phone'])",
    "a check, not yet valid": (
        "op.create_check_constraint('phone', 'users', 'phone IS NOT NULL', "
        "postgresql_not_valid=True)"
    ),
    "the check validated": "op.execute('ALTER TABLE users VALIDATE CONSTRAINT ck_users_phone')",
    "a required column": "op.alter_column('users', 'phone', nullable=False)",
    "an index dropped": "helpers.drop_index('ix_users_phone', 'users')",
    "a column dropped": "op.drop_column('users', 'phone')",
}


def locks(stand: Stand) -> Iterator[Result]:
    """Run each recipe on the largest table, while users are read and changed."""
    if POSTGRESQL not in stand.engines():
        return
    found = stand.database(stand.sizes.most_people, POSTGRESQL)
    url = make_url(found.url).set(drivername="postgresql").render_as_string(hide_password=False)
    folder = Path(shutil.copytree(BASE_DIR / "migrations", stand.folder / "migrations"))
    with _visitors(url, found.people) as longest_wait:
        for name, body in RECIPES.items():
            seconds = _upgrade(folder, url, body)
            yield _result(f"{found.people:,} users, {name}", seconds, longest_wait())
        with psycopg.connect(url) as report:
            report.execute("SELECT count(*) FROM users")
            threading.Timer(REPORT, report.commit).start()
            seconds = _upgrade(folder, url, "op.drop_column('users', 'points')")
            yield _result("… a column dropped, behind a report", seconds, longest_wait())


def _result(subject: str, seconds: float, waited: float) -> Result:
    measure = f"{seconds:.1f} s, others waited {waited * 1000:.0f} ms at most"
    return Result(subject, measure, bar=f"≤ {BAR:g} s", met=waited <= BAR)


def _upgrade(folder: Path, url: str, body: str) -> float:
    """Add a revision with the body of `upgrade`, apply it, and return the seconds."""
    before = migrations.scripts(folder).get_revision("core@head").revision
    name = f"recipe_{len(list(folder.glob('versions/recipe_*')))}"
    (folder / "versions" / f"{name}.py").write_text(
        f"{HEADER}revision, down_revision = {name!r}, {before!r}\n\ndef upgrade():\n    {body}\n"
    )
    command = [sys.executable, "manage.py", "db", "upgrade", "-d", str(folder), "core@head"]
    # The revisions are of the core, and the imports of features are half of what a start takes.
    variables = {"DATABASE_URL": url, **WITHOUT_FEATURES}
    started = time.monotonic()
    subprocess.run(command, cwd=BASE_DIR, env={**os.environ, **variables}, check=True)
    return time.monotonic() - started


@contextmanager
def _visitors(url: str, people: int) -> Iterator[Callable[[], float]]:
    """Read and change users in two threads.

    Returns a function that gives the longest wait in seconds since its last call.
    """
    ended, waits = threading.Event(), [0.0]
    failures: list[BaseException] = []

    def visit(statement: str) -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                while not ended.is_set():
                    number = random.randrange(1, people)
                    began = time.monotonic()
                    connection.execute(statement, {"id": number})
                    waits.append(time.monotonic() - began)
                    ended.wait(0.005)
        except psycopg.Error as error:
            failures.append(error)

    def longest_wait() -> float:
        if failures:
            raise failures[0]
        longest = max(waits)
        waits[:] = [0.0]
        return longest

    statements = (
        "SELECT id, email, first_name FROM users WHERE id = %(id)s",
        "UPDATE users SET first_name = upper(first_name) WHERE id = %(id)s",
    )
    threads = [threading.Thread(target=visit, args=[statement]) for statement in statements]
    for thread in threads:
        thread.start()
    try:
        yield longest_wait
    finally:
        ended.set()
        for thread in threads:
            thread.join()
