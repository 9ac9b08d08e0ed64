"""Migrate the database to the revision of the code."""

from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import inspect, select, text

from app.extensions import db
from app.models import Role, User


def tables(app: Flask) -> set[str]:
    with app.app_context():
        return set(inspect(db.engine).get_table_names())


def test_release_makes_the_tables_and_the_roles(own_app: Flask, runner: FlaskCliRunner) -> None:
    for _ in range(2):
        result = runner.invoke(args=["release"])
        assert result.exit_code == 0, result.output
    assert set(db.metadata.tables) <= tables(own_app)
    with own_app.app_context():
        assert set(db.session.scalars(select(Role.name))) == {"User", "Administrator"}


def test_release_puts_a_changed_role_right(own_app: Flask, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["release"])
    with own_app.app_context():
        db.session.scalars(select(Role).where(Role.name == "Administrator")).one().permissions = 1
        db.session.commit()
    runner.invoke(args=["release"])
    with own_app.app_context():
        role = db.session.scalars(select(Role).where(Role.name == "Administrator")).one()
        assert role.is_administrator


def test_recreate_db_drops_rows_and_forgotten_tables(
    own_app: Flask, runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["setup_dev"])
    with own_app.app_context():
        db.session.execute(text("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)"))
        db.session.commit()
    result = runner.invoke(args=["recreate_db"])
    assert result.exit_code == 0, result.output
    assert "forgotten" not in tables(own_app)
    assert set(db.metadata.tables) <= tables(own_app)
    with own_app.app_context():
        assert db.session.scalars(select(User)).all() == []


def test_db_current_is_the_newest_revision_after_release(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["release"])
    assert runner.invoke(args=["db", "check"]).exit_code == 0


def test_the_shell_knows_every_model(own_app: Flask) -> None:
    with own_app.app_context():
        names = own_app.make_shell_context()
    assert names["app"] is own_app
    assert names["db"] is db
    assert {mapper.class_.__name__ for mapper in db.Model.registry.mappers} <= set(names)
