"""Everything moves from SQLite to PostgreSQL, or nothing does."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from flask_migrate import upgrade
from sqlalchemy import inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.extensions import db, is_sqlite, limiter
from app.features.copy_database import copying
from app.features.copy_database.source import CannotCopy
from app.kit import audit
from app.models import AuditEvent, User
from app.services import roles
from tests import factories
from tests.databases import NEEDS_POSTGRESQL

EMOJI = "Ada 🦆 \r\n\t\\N \\. é"
FIRST, LAST = "0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"


def fill():
    """Write rows of several tables, with texts and times at the edges."""
    roles.insert()
    for number in range(1200):
        db.session.add(User(email=f"u{number}@example.com", first_name="U", last_name=str(number)))
    ada = factories.make_user(email="ada@example.com", role="Administrator", first_name=EMOJI)
    audit.record("user.created", by=None, subject=ada, changes={"name": ("", EMOJI)}, n=1.5, t=True)
    db.session.commit()
    edges = {"first": FIRST, "last": LAST, "id": ada.id}
    db.session.execute(
        text("UPDATE users SET created_at = :first, last_seen_at = :last WHERE id = :id"), edges
    )
    db.session.execute(text("DELETE FROM users WHERE email = 'u1199@example.com'"))
    db.session.commit()


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Return a SQLite database with rows."""
    path = tmp_path_factory.mktemp("old") / "old.sqlite"
    kept = dict(vars(limiter))  # All apps share it.
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{path}"})
    vars(limiter).update(kept)
    with app.app_context():
        upgrade(revision="heads")
        fill()
        db.session.remove()
        db.engine.dispose()
    return path


@pytest.fixture
def source(old, tmp_path):
    """Return the URL of a copy of the database that a test may change."""
    shutil.copy(old, tmp_path / "source.sqlite")
    return f"sqlite:///{tmp_path / 'source.sqlite'}"


@pytest.fixture
def sql(source):
    """Return a function that changes the source, also in ways that the app does not."""

    def execute(*statements):
        with closing(sqlite3.connect(make_url(source).database)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return execute


@pytest.fixture
def target(migrated_app):
    """Return the URL of an empty PostgreSQL with all tables, and let `db` use it."""
    with migrated_app.app_context():
        if is_sqlite():
            pytest.skip(NEEDS_POSTGRESQL)
        db.session.execute(text("DELETE FROM roles"))
        db.session.commit()
        yield db.engine.url
        db.session.remove()


def refusal(source, target, **options):
    """Return why a database is not copied, once it is certain that nothing was."""
    with pytest.raises(CannotCopy) as refused:
        copying.copy(source, target, say=lambda _line: None, **options)
    assert User.query.count() == 0
    db.session.rollback()
    foreign = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
    assert db.session.scalar(text(foreign)) > 10
    db.session.rollback()
    return str(refused.value)


def test_everything_arrives_and_works(source, sql, target):
    sql("UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'audit_events'")
    lines = []
    number = copying.copy(source, target, say=lines.append)
    assert "users: 1,200 rows" in lines
    assert number >= 1200 + 2 + 1
    ada = User.by_email("ada@example.com")
    assert ada.first_name == EMOJI
    assert ada.created_at == datetime(1, 1, 1, tzinfo=UTC)
    assert ada.last_seen_at == datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert ada.role.is_administrator
    assert ada.suspended_at is None
    assert ada.status == "active"
    event = db.session.scalars(db.select(AuditEvent).filter_by(action="user.created")).first()
    assert event.changes == {"name": ["", EMOJI]}
    assert event.details == {"n": 1.5, "t": True}
    # An id is given out once, also that of a row that was deleted.
    new = factories.make_user(email="new@example.com")
    assert new.id > ada.id
    audit.record("user.created", by=None, subject=new)
    db.session.commit()
    assert db.session.scalar(db.select(db.func.max(AuditEvent.id))) == 5001
    with pytest.raises(DBAPIError, match="audit"):
        db.session.execute(text("DELETE FROM audit_events"))
    db.session.rollback()
    assert {one["name"] for one in inspect(db.engine).get_foreign_keys("users")} == {
        "fk_users_role_id_roles"
    }
    assert "already" in copy_again(source, target)


def copy_again(source, target):
    with pytest.raises(CannotCopy) as refused:
        copying.copy(source, target, say=lambda _line: None)
    return str(refused.value)


def test_values_that_postgresql_cannot_hold_are_named_with_row_and_column(source, sql, target):
    sql(
        "UPDATE users SET first_name = 'a' || char(0) || 'b' WHERE id = 1",
        "UPDATE users SET last_name = CAST(X'FF41' AS TEXT) WHERE id = 2",
        "UPDATE users SET created_at = 'yesterday' WHERE id = 3",
        "UPDATE users SET confirmed = 2 WHERE id = 4",
        "UPDATE users SET email = printf('%300d', 1) WHERE id = 5",
        "UPDATE users SET role_id = 99999 WHERE id = 6",
        "UPDATE users SET created_at = '0001-01-01 00:00:00+02:00' WHERE id = 7",
        "INSERT INTO audit_events (at, action, actor_label, acting_as_label, subject_type, "
        "subject_label, changes, details, address, device, request_id) VALUES "
        "('2026-01-01', 'x', '', '', '', '', '{\"a\": NaN}', '[', '', '', '')",
    )
    told = refusal(source, target)
    for line in (
        "users, id 1, first_name: has a NUL character, which PostgreSQL cannot store",
        "users, id 2, last_name: is no text in UTF-8",
        "users, id 3, created_at: is no date with a time: 'yesterday'",
        "users, id 4, confirmed: is neither 0 nor 1: 2",
        "users, id 5, email: has 300 characters, and the column holds",
        "users, row 6: refers to a row of roles that is missing",
        "users, id 7, created_at: is no date with a time",
        "changes: is no valid JSON: '{\"a\": NaN}'",
        "details: is no valid JSON: '['",
    ):
        assert f"- {line}" in told or line in told, line
    assert refusal(source, target, is_trial=True) == told


def test_only_the_first_problems_are_reported(source, sql, target):
    sql("UPDATE users SET created_at = 'x'")
    told = refusal(source, target)
    assert told.count("\n- ") == copying.MOST_PROBLEMS
    assert "These are the first 20." in told


def test_a_row_that_breaks_a_rule_of_postgresql_alone_is_reported(source, sql, target):
    db.session.execute(text("ALTER TABLE users ADD CHECK (id <> 17)"))
    db.session.commit()
    told = refusal(source, target)
    assert told.startswith("users: ")
    assert "violates check constraint" in told


def test_rows_that_change_on_their_way_are_found(source, target):
    db.session.execute(
        text(
            "CREATE FUNCTION change() RETURNS trigger AS $$ BEGIN NEW.last_name := 'x'; "
            "RETURN NEW; END $$ LANGUAGE plpgsql; CREATE TRIGGER change BEFORE INSERT ON users "
            "FOR EACH ROW WHEN (NEW.id = 7) EXECUTE FUNCTION change()"
        )
    )
    db.session.commit()
    assert refusal(source, target).startswith("users: 1,200 rows were read and 1,200 arrived")


def test_other_tables_columns_types_and_migrations_are_refused(source, sql, target):
    sql(
        "CREATE TABLE gone (id INTEGER)",
        "INSERT INTO gone VALUES (1)",
        "CREATE TABLE empty (id INTEGER)",
        "ALTER TABLE roles ADD COLUMN colour TEXT",
    )
    told = refusal(source, target)
    assert "The target has no table gone. `--leave-out gone` goes without it." in told
    assert "The target has no column roles.colour." in told
    assert "empty" not in told
    sql("DROP TABLE gone", "ALTER TABLE roles DROP COLUMN colour")
    db.session.execute(text("ALTER TABLE audit_events ALTER COLUMN device TYPE xml USING NULL"))
    db.session.commit()
    assert "The type of audit_events.device" in refusal(source, target)
    sql("DELETE FROM alembic_version WHERE version_num LIKE 'webhooks%'")
    assert "different migrations: webhooks_" in refusal(source, target)


def test_a_source_without_tables_is_named(target, tmp_path):
    """SQLite takes an empty file, such as one that a wrong path has made, for a database."""
    (tmp_path / "empty.sqlite").touch()
    said = refusal(f"sqlite:///{tmp_path / 'empty.sqlite'}", target)
    assert said == "The source has no tables of this application. Is it the right file?"


def test_a_table_that_the_target_has_is_not_left_out(source, target):
    with pytest.raises(CannotCopy, match="has a table users, so it cannot be left out"):
        copying.copy(source, target, say=lambda _line: None, left_out=["users"])


def test_a_table_is_left_out(source, sql, target):
    sql("CREATE TABLE gone (id INTEGER)", "INSERT INTO gone VALUES (1)")
    assert copying.copy(source, target, say=lambda _line: None, left_out=["gone"])
    assert User.query.count() == 1200


def test_nobody_writes_to_the_source_meanwhile(source, target, monkeypatch):
    path = make_url(source).database
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("app.features.copy_database.source.LOCK_TIMEOUT", 0)
        assert refusal(source, target).startswith("Somebody writes to the source.")
        writer.execute("ROLLBACK")
        writer.execute("PRAGMA busy_timeout = 0")
        refused = []

        def write(_line):
            try:
                writer.execute("DELETE FROM users")
            except sqlite3.OperationalError as error:
                refused.append(str(error))

        copying.copy(source, target, say=write)
    assert set(refused) == {"database is locked"}


def test_a_target_that_is_in_use_is_refused(source, target):
    with db.engine.connect() as other:
        other.execute(text("LOCK TABLE users"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.features.copy_database.target.LOCK_WAIT", "1ms")
            assert "in use" in copy_again(source, target)
        other.rollback()


def test_types_of_tables_of_a_product_arrive(source, sql, target):
    """The kit has few types. These tables are in the database alone, as those of a feature off."""
    db.session.execute(
        text(
            "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE things (a smallint, b bigint, "
            "c double precision, d numeric(8,2), e date, f time, g uuid, h jsonb, i bytea, j mood, "
            "k timestamp, l varchar(3)[], m boolean)"
        )
    )
    db.session.commit()
    sql(
        "CREATE TABLE things (a, b, c, d, e, f, g, h, i, j, k, l, m)",
        "INSERT INTO things VALUES (-32768, 9223372036854775807, 0.1, 1.255, '9999-12-31', "
        "'23:59:59.999999', '0123456789abcdef0123456789abcdef', "
        "'{\"b\": [1.50, 1e2, null], \"a\": \"\\u00e4\"}', X'00FF', 'bad', "
        "'2026-11-29 10:00:00', NULL, 1)",
        "INSERT INTO things DEFAULT VALUES",
        "INSERT INTO things DEFAULT VALUES",
    )
    assert "The type of things.l" in refusal(source, target)
    db.session.execute(text("ALTER TABLE things DROP COLUMN l"))
    db.session.commit()
    sql("ALTER TABLE things DROP COLUMN l")
    copying.copy(source, target, say=lambda _line: None)
    found = db.session.execute(text("SELECT * FROM things ORDER BY a")).mappings().all()
    assert len(found) == 3
    assert str(found[0]["d"]) in {"1.25", "1.26"}
    assert found[0]["h"] == {"b": [1.5, 100, None], "a": "ä"}
    assert (found[0]["i"], found[0]["j"]) == (b"\0\xff", "bad")
    assert set(found[2].values()) == {None}


def test_a_nul_in_jsonb_is_reported(source, sql, target):
    db.session.execute(text("CREATE TABLE things (id int PRIMARY KEY, h jsonb, i bytea, j int)"))
    db.session.commit()
    sql(
        "CREATE TABLE things (id, h, i, j)",
        "INSERT INTO things VALUES (1, '\"\\u0000\"', 'text', 1.5)",
        "INSERT INTO things VALUES (2, '\"\\\\u0000\"', NULL, 2147483648)",
    )
    told = refusal(source, target)
    assert "things, id 1, h: has a NUL character" in told
    assert "things, id 1, i: is no binary value: 'text'" in told
    assert "things, id 1, j: is no whole number: 1.5" in told
    assert "things, id 2, j: is too large a number" in told
    assert "id 2, h" not in told


def test_the_command_migrates_an_empty_target_and_says_what_it_did(source, own_app, own_database):
    run = own_app.test_cli_runner().invoke
    if make_url(own_database).get_backend_name() == "sqlite":
        assert "has to be PostgreSQL" in run(args=["copy_database", source]).output
        return
    tried = run(args=["copy_database", source, "--dry-run"])
    assert tried.exit_code == 0, tried.output
    assert "users: 1,200 rows can be copied" in tried.output
    assert "Nothing was copied." in tried.output
    done = run(args=["copy_database", source])
    assert done.exit_code == 0, done.output
    assert "users: 1,200 rows" in done.output
    assert "the same in both databases" in done.output
    again = run(args=["copy_database", source])
    assert again.exit_code == 1
    assert "The target has rows already:" in again.output
    for url, words in (
        (own_database, "The source has to be SQLite."),
        ("sqlite:////nowhere/x.sqlite", "There is no file"),
        ("mysql://x", "must begin with"),
    ):
        assert words in run(args=["copy_database", url]).output
