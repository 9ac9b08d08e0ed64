"""An app on a database of its own: commands commit, and some drop everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from app import create_app
from app.extensions import db
from tests import databases


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, on the server that the tests use."""
    with databases.own_database(tmp_path, "cli") as url:
        yield url


@pytest.fixture
def own_app(own_database: str) -> Iterator[Flask]:
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": own_database})
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def runner(own_app: Flask) -> FlaskCliRunner:
    return own_app.test_cli_runner()
