"""Test the command that adds fake users."""

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from app.extensions import db
from app.models import Role, User


def count(app: Flask, *conditions: object) -> int:
    with app.app_context():
        query = select(func.count()).select_from(User).join(User.role).where(*conditions)
        return db.session.scalar(query) or 0


@pytest.mark.parametrize("option", ["-n", "--number-users"])
def test_add_fake_data_adds_people_and_no_administrator(
    own_app: Flask, runner: FlaskCliRunner, option: str
) -> None:
    runner.invoke(args=["release"])
    result = runner.invoke(args=["add_fake_data", option, "40"])
    assert result.exit_code == 0, result.output
    assert "Added 40 people" in result.output
    assert count(own_app) == 40
    assert count(own_app, Role.administrators()) == 0


def test_add_fake_data_adds_ten_by_itself_and_again(own_app: Flask, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["release"])
    runner.invoke(args=["add_fake_data"])
    runner.invoke(args=["add_fake_data"])
    assert count(own_app) == 20


def test_add_fake_data_makes_administrators_when_asked(
    own_app: Flask, runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["release"])
    runner.invoke(args=["add_fake_data", "-n", "60", "--with-administrators", "--seed", "1"])
    assert count(own_app, Role.administrators()) > 0


def test_add_fake_data_refuses_a_negative_number(runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["add_fake_data", "-n", "-1"]).exit_code == 2


def test_it_is_refused_in_production(own_app: Flask, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["release"])
    own_app.config["PRODUCTION"] = True
    result = runner.invoke(args=["add_fake_data"])
    assert result.exit_code == 1
    assert "refused in production" in result.output
    assert count(own_app) == 0
