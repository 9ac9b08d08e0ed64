"""Run deployment commands on several hosts at the same time."""

import tempfile
import threading
from contextlib import ExitStack

import psycopg
import pytest
from flask import Flask
from sqlalchemy import func, make_url, select

from app import create_app
from app.extensions import db
from app.models import Role, User
from app.services import roles
from tests.cli.test_manage import PRODUCTION, environment
from tests.databases import NEEDS_POSTGRESQL
from tests.processes import Program


def outcomes(*commands: str, url: str) -> list[str]:
    """Run commands at once, and return the output of each that failed."""
    variables = environment(**PRODUCTION, DATABASE_URL=url)
    if "setup_dev" in commands:
        variables = environment(FLASK_CONFIG="development", DEV_DATABASE_URL=url)
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in commands]
        running = [
            Program("manage.py", command, env=variables, stdout=output.fileno())
            for command, output in zip(commands, outputs, strict=True)
        ]
        codes = [program.wait() for program in running]
        for output in outputs:
            output.seek(0)
        return [output.read() for code, output in zip(codes, outputs, strict=True) if code]


@pytest.mark.parametrize("command", ["setup_prod", "setup_dev", "release"])
def test_a_command_of_a_deployment_runs_three_times_at_once(
    own_app: Flask, own_database: str, command: str
) -> None:
    """F19"""
    if command == "setup_prod":
        with own_app.app_context():
            from_scratch = own_app.test_cli_runner().invoke(args=["db", "upgrade"])
            assert from_scratch.exit_code == 0, from_scratch.output
    url = own_database.replace("+psycopg", "")
    assert outcomes(*[command] * 3, url=url) == []
    with own_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Role)) == 2
        expected = 0 if command == "release" else 1
        assert db.session.scalar(select(func.count()).select_from(User)) == expected


@pytest.mark.parametrize("wins", ["role", "user"])
def test_setup_prod_comes_second_and_says_so(own_app: Flask, own_database: str, wins: str) -> None:
    """F19: another process has inserted the row and commits while this one waits for it."""
    if own_database.startswith("sqlite"):
        pytest.skip(NEEDS_POSTGRESQL)  # One writer at a time cannot come second.
    own_app.config["ADMIN_PASSWORD"] = PRODUCTION["ADMIN_PASSWORD"]
    runner = own_app.test_cli_runner()
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    first = create_app("testing", {"SQLALCHEMY_DATABASE_URI": own_database})
    with first.app_context():
        if wins == "role":
            Role.insert_roles()
        else:
            roles.insert()
            role = db.session.scalars(select(Role).where(Role.administrators())).one()
            db.session.add(User(email=own_app.config["ADMIN_EMAIL"], role=role, confirmed=True))
        db.session.flush()
        results = []
        second = threading.Thread(target=lambda: results.append(runner.invoke(args=["setup_prod"])))
        second.start()
        plain = make_url(own_database).set(drivername="postgresql")
        with psycopg.connect(
            plain.render_as_string(hide_password=False), autocommit=True
        ) as watcher:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            while second.is_alive() and watcher.execute(waiting).fetchone() == (0,):
                pass
        db.session.commit()
        second.join()
        db.engine.dispose()
    (result,) = results
    assert result.exit_code == 0, result.output
    said = "can sign in" if wins == "role" else "already"
    assert said in result.output
