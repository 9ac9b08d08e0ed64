"""Remove one feature after another from a database with rows in all tables, on either engine."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, inspect, select, table
from sqlalchemy.pool import NullPool

from app.kit.features import installed
from tests.databases import own_database
from tests.fixtures.clones import git, manage

pytestmark = pytest.mark.slow

# Adds an administrator, and a row about another user to each table of a feature.
ROWS = """
from datetime import datetime
from sqlalchemy import func, select
from app import create_app
from app.extensions import db
from app.kit import features
from app.kit.database import now
from app.models import Role, User
from app.services import roles, users

def value_of(column):
    for key in column.foreign_keys:
        pick = func.max if key.column.table.name == "users" else func.min
        return db.session.scalar(select(pick(key.column)))
    kind = getattr(column.type, "impl", column.type).python_type
    values = {datetime: now(), object: {}, str: "x", int: 1}  # object for JSON
    return values[kind] if kind in values else kind()

with create_app("development").app_context():
    roles.insert()
    users.create_administrator(email="ada@example.com", password="correct horse battery staple")
    db.session.add(User(email="bob@example.com", confirmed=True, role=Role.get_default()))
    db.session.commit()
    own = {table for one in features.installed().values() for table in one.tables}
    for table in db.metadata.sorted_tables:
        if table.name in own:
            wanted = [
                column for column in table.columns
                if column.foreign_keys or not (column.nullable or column.default is not None
                or column.server_default is not None or column is table.autoincrement_column)
            ]
            values = {column.name: value_of(column) for column in wanted}
            db.session.execute(table.insert().values(values))
    db.session.commit()
"""
PAGES = """
from app import create_app
browser = create_app("development", {"WTF_CSRF_ENABLED": False}).test_client()
form = {"email": "ada@example.com", "password": "correct horse battery staple"}
assert browser.get("/account/login").status_code == 200
assert browser.post("/account/login", data=form).status_code == 302
for path in ("/", "/account/manage", "/admin/", "/admin/users"):
    assert browser.get(path).status_code == 200, path
"""


def tables_at(url: str) -> dict[str, int]:
    """Return the number of rows of each table."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table(name))) or 0
            for name in inspect(connection).get_table_names()
        }


def test_each_feature_comes_off_with_its_rows(clone: Path, tmp_path: Path) -> None:
    manifests = dict(installed())  # this process has the features that the clone removes

    def run(*arguments: str) -> str:
        done = manage(clone, *arguments, DEV_DATABASE_URL=url)
        assert done.returncode == 0, f"{arguments[:3]}: {done.stdout}{done.stderr}"
        return done.stdout

    with own_database(tmp_path, "removals") as url:
        run("db", "upgrade")
        run("-c", ROWS)
        while removable := run("features", "list", "--removable").split():
            name = removable[0]
            before = tables_at(url)
            own = set(manifests.pop(name).tables)
            assert all(before[table] for table in own), f"Add rows to the tables of {name} in ROWS."
            run("features", "remove", name, "--yes")
            git(clone, "commit", "--quiet", "--all", "--message", f"Remove {name}")
            assert not own & {*tables_at(url)}
            run("db", "check")
            run("-c", PAGES)
        assert not manifests
        assert tables_at(url)["users"] == 2
