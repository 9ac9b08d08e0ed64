"""Create the first administrator, and made-up users."""

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from app.extensions import db
from app.kit.database import now
from app.models import Role, User


def people(app: Flask) -> list[User]:
    with app.app_context():
        return list(db.session.scalars(select(User).order_by(User.id)))


def count(app: Flask, *conditions: object) -> int:
    with app.app_context():
        query = select(func.count()).select_from(User).join(User.role).where(*conditions)
        return db.session.scalar(query) or 0


def test_setup_dev_makes_tables_roles_and_an_administrator(
    own_app: Flask, runner: FlaskCliRunner
) -> None:
    result = runner.invoke(args=["setup_dev"])
    assert result.exit_code == 0, result.output
    assert "/account/login as example-admin@example.com" in result.output
    assert "'password'" in result.output
    assert result.output.count("\n") == 2, "no line of the log comes before it"
    with own_app.app_context():
        admin = db.session.scalars(select(User)).one()
        assert admin.is_admin()
        assert admin.confirmed
        assert admin.verify_password("password")


def test_setup_dev_run_again_changes_nothing(own_app: Flask, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["setup_dev"])
    with own_app.app_context():
        db.session.scalars(select(User)).one().password = "quite another one, and long"
        db.session.commit()
    result = runner.invoke(args=["setup_dev"])
    assert result.exit_code == 0, result.output
    assert "your password" in result.output
    assert "'password'" not in result.output
    assert len(people(own_app)) == 1


def test_setup_prod_refuses_a_weak_password(own_app: Flask, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["release"])
    own_app.config["ADMIN_PASSWORD"] = "password"
    result = runner.invoke(args=["setup_prod"])
    assert result.exit_code == 1
    assert "ADMIN_PASSWORD" in result.output
    assert not people(own_app)


@pytest.mark.parametrize("state", ["deleted", "suspended"])
def test_setup_prod_says_when_nobody_can_sign_in_with_the_account(
    own_app: Flask, runner: FlaskCliRunner, state: str
) -> None:
    runner.invoke(args=["release"])
    own_app.config["ADMIN_PASSWORD"] = "a long enough administrator password"
    assert runner.invoke(args=["setup_prod"]).exit_code == 0
    with own_app.app_context():
        setattr(db.session.scalars(select(User)).one(), f"{state}_at", now())
        db.session.commit()
    result = runner.invoke(args=["setup_prod"])
    assert result.exit_code == 1
    assert f"that is {state}" in result.output
    own_app.config["ADMIN_EMAIL"] = "second@example.com"
    assert runner.invoke(args=["setup_prod"]).exit_code == 0
    own_app.config["ADMIN_EMAIL"] = "example-admin@example.com"
    result = runner.invoke(args=["setup_prod"])
    assert result.exit_code == 0, "a deployment that runs it each time does not stop for this"
    assert "Someone else administers" in result.output


def test_setup_prod_makes_one_administrator_however_often_it_runs(
    own_app: Flask, runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["release"])
    own_app.config.update(ADMIN_EMAIL="Boss@Example.com", ADMIN_PASSWORD="violet tractor on a hill")
    for said in ("can sign in", "already"):
        result = runner.invoke(args=["setup_prod"])
        assert result.exit_code == 0, result.output
        assert said in result.output
        assert "violet" not in result.output
    assert len(people(own_app)) == 1


def test_setup_prod_says_so_when_the_address_is_someone_elses(
    own_app: Flask, runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["release"])
    own_app.config.update(ADMIN_EMAIL="ann@example.com", ADMIN_PASSWORD="violet tractor on a hill")
    with own_app.app_context():
        db.session.add(User(email="ann@example.com", first_name="Ann", last_name="Bee"))
        db.session.commit()
    result = runner.invoke(args=["setup_prod"])
    assert result.exit_code == 1
    assert "no administrator" in result.output
    assert count(own_app, Role.administrators()) == 0


@pytest.mark.parametrize("command", ["setup_dev", "recreate_db"])
def test_commands_for_development_are_refused_in_production(
    own_app: Flask, runner: FlaskCliRunner, command: str
) -> None:
    runner.invoke(args=["release"])
    with own_app.app_context():
        db.session.add(User(email="ann@example.com", first_name="Ann", last_name="Bee"))
        db.session.commit()
    own_app.config["PRODUCTION"] = True
    result = runner.invoke(args=[command])
    assert result.exit_code == 1
    assert "refused in production" in result.output
    assert len(people(own_app)) == 1
