"""The tables of plants."""

import pytest
from flask import Flask

from app.extensions import db
from app.kit.tables import table as tables
from tests.kit.tables.plants import PlantBase


@pytest.fixture
def plants(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide the tables of plants, and forget the declarations of the test afterwards."""
    monkeypatch.setattr(tables, "_declared", dict(tables._declared))
    PlantBase.metadata.create_all(db.session.connection())
