"""The migrations of each feature are a branch that upgrades and downgrades by itself."""

import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.util import to_tuple
from flask import Flask
from flask.testing import FlaskCliRunner
from flask_migrate import downgrade, upgrade

from app.extensions import db
from app.kit.database import UtcDateTime, migrations
from settings import manifests
from tests.schema import schema

ROOT = Path(__file__).parents[2]
SCRIPTS = migrations.scripts(ROOT / "migrations")
BASES = {Path(s.path).parents[1].name: s for s in SCRIPTS.walk_revisions() if not s.down_revision}
NAMES = sorted({path.parents[1].name for path in migrations.FEATURES.glob("*/migrations/*.py")})
MANIFESTS = manifests.read()

EXAMPLES = {
    sa.Boolean: True,
    sa.Date: date(2031, 3, 9),
    sa.Integer: 1,
    sa.JSON: {},
    sa.LargeBinary: b"x",
    sa.String: "x",
    UtcDateTime: datetime.now(UTC),
}


def tables(app: Flask) -> list[str]:
    with app.app_context(), db.engine.connect() as connection:
        return schema(connection)


def names_of_tables(app: Flask) -> set[str]:
    with app.app_context():
        return set(sa.inspect(db.engine).get_table_names())


def applied(app: Flask) -> set[str]:
    """Return the revisions that are applied to the database."""
    with app.app_context(), db.engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads())


def example(column: sa.Column) -> object:
    return next(value for kind, value in EXAMPLES.items() if isinstance(column.type, kind))


def add_rows(app: Flask) -> dict[str, int]:
    """Add a row to each existing table, and return the number of rows of each."""
    migrations.import_models()
    with app.app_context(), db.engine.begin() as connection:
        there = set(sa.inspect(connection).get_table_names())
        for table in (t for t in db.metadata.sorted_tables if t.name in there):
            needed = [
                column
                for column in table.columns
                if not column.nullable and not column.default and not column.server_default
            ]
            # A check may refuse the examples. The table then stays empty.
            with suppress(sa.exc.IntegrityError), connection.begin_nested():
                connection.execute(table.insert(), {one.name: example(one) for one in needed})
    return count_rows(app)


def count_rows(app: Flask) -> dict[str, int]:
    with app.app_context(), db.engine.connect() as connection:
        there = set(sa.inspect(connection).get_table_names()) & set(db.metadata.tables)
        count = sa.select(sa.func.count())
        return {
            name: connection.scalar(count.select_from(db.metadata.tables[name])) for name in there
        }


@pytest.mark.parametrize("name", NAMES)
def test_the_first_revision_of_a_feature_begins_its_branch(name: str) -> None:
    base = BASES.get(name)
    assert base, f"Write down_revision = None into the first of app/features/{name}/migrations."
    assert base.branch_labels == {name}, f'Write branch_labels = ("{name}",) into {base.path}.'
    assert base.dependencies, (
        f"Write into {base.path} the revision of the core that it needs: depends_on = …"
    )


def test_features_without_migrations_have_no_tables() -> None:
    wrong = {name for name, manifest in MANIFESTS.items() if manifest.tables and name not in NAMES}
    assert not wrong, "Begin a branch of migrations for these (docs/migrations.md)."


@pytest.mark.parametrize("name", NAMES)
def test_a_branch_goes_up_and_down_and_leaves_nothing(name: str, core_app: Flask) -> None:
    with core_app.app_context():
        for needed in to_tuple(BASES[name].dependencies):
            if not needed.startswith("core_"):
                upgrade(revision=needed)
    before, names_before = tables(core_app), names_of_tables(core_app)
    with core_app.app_context():
        upgrade(revision=f"{name}@head")
    after = tables(core_app)
    assert after != before
    own = (one for one in SCRIPTS.walk_revisions() if Path(one.path).parents[1].name == name)
    without_model = tuple(n for one in own for n in getattr(one.module, "NOT_IN_MODELS", ()))
    made = names_of_tables(core_app) - names_before
    named = {table for table in made if not table.startswith(without_model)}
    assert named == set(MANIFESTS[name].tables), f"Name them in app/features/{name}/feature.toml."
    rows = add_rows(core_app)
    with core_app.app_context():
        downgrade(revision=f"{name}@base")
    assert tables(core_app) == before
    assert count_rows(core_app).items() <= rows.items(), "rows of the core are gone"
    with core_app.app_context():
        upgrade(revision=f"{name}@head")
    assert tables(core_app) == after


def test_each_branch_goes_from_among_the_others_and_returns(own_app: Flask) -> None:
    with own_app.app_context():
        upgrade(revision="heads")
    everything, newest = tables(own_app), applied(own_app)
    for name in NAMES:
        with own_app.app_context():
            downgrade(revision=f"{name}@base")
        assert len(tables(own_app)) < len(everything)
        with own_app.app_context():
            upgrade(revision="heads")
        assert tables(own_app) == everything
        assert applied(own_app) == newest


def test_the_core_takes_every_branch_down(own_app: Flask) -> None:
    nothing = tables(own_app)
    with own_app.app_context():
        upgrade(revision="heads")
    everything = tables(own_app)
    add_rows(own_app)
    with own_app.app_context():
        downgrade(revision="core@base", x_arg="delete=audit_events")
    assert tables(own_app) == nothing
    with own_app.app_context():
        upgrade(revision="heads")
    assert tables(own_app) == everything


def test_models_and_tables_agree(own_app: Flask, runner: FlaskCliRunner) -> None:
    with own_app.app_context():
        upgrade(revision="heads")
    assert runner.invoke(args=["db", "check"]).exit_code == 0, (
        "Write a revision: python manage.py db migrate -m TEXT"
    )


def test_tables_of_features_that_are_off_are_not_proposed_to_be_dropped(
    migrated_database: str,
) -> None:
    off: list[str] = []
    for name, manifest in MANIFESTS.items():  # each feature comes after those that it requires
        if manifest.tables or set(manifest.requires) & set(off):
            off.append(name)
    done = subprocess.run(
        [sys.executable, "manage.py", "db", "check"],
        cwd=ROOT,
        env=os.environ
        | {
            "FEATURES_OFF": ",".join(off),
            "FLASK_CONFIG": "testing",
            "TEST_DATABASE_URL": migrated_database,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
