"""An app on a database of its own: commands commit, and some drop everything."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy.engine import make_url

from app import create_app
from app.extensions import db


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, on the server that the tests use."""
    shared = os.environ.get("TEST_DATABASE_URL")
    if not shared:
        yield f"sqlite:///{tmp_path / 'own.sqlite'}"
        return
    url = make_url(shared).set(drivername="postgresql")
    name = f"cli_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        own = url.set(drivername="postgresql+psycopg", database=name)
        yield own.render_as_string(hide_password=False)
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def own_app(own_database: str) -> Iterator[Flask]:
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": own_database})
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def runner(own_app: Flask) -> FlaskCliRunner:
    return own_app.test_cli_runner()
