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


def test_doctor_numbers_what_is_wrong(own_app: Flask, runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "1. migrations" in result.output
    assert "python manage.py db upgrade" in result.output


def test_doctor_is_content_after_the_set_up(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["setup_dev"])
    result = runner.invoke(args=["doctor"])
    assert result.exit_code == 0, result.output
    assert "checks passed" in result.output


def test_doctor_finds_what_the_public_must_not_meet(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["setup_dev"])
    result = runner.invoke(args=["doctor", "--deploy"])
    assert result.exit_code == 1
    assert "APP_URL" in result.output
    assert "ADMIN_PASSWORD" in result.output


def test_the_shell_knows_every_model(own_app: Flask) -> None:
    with own_app.app_context():
        names = own_app.make_shell_context()
    assert names["app"] is own_app
    assert names["db"] is db
    assert {mapper.class_.__name__ for mapper in db.Model.registry.mappers} <= set(names)
