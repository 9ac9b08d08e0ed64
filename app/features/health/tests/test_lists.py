"""Test the check of the declared tables and their indexes."""

import pytest

from app.extensions import db
from app.features.health.services import lists
from app.kit.tables import Column
from app.kit.tables import table as tables
from tests.kit.tables.plants import Gardener, Plant, PlantBase, add, declare

FILE = "tests/kit/tables/plants.py"


@pytest.fixture
def plants(app, monkeypatch):
    """Declare a table of plants, in place of the application's tables."""
    monkeypatch.setattr(tables, "_declared", {})
    PlantBase.metadata.create_all(db.session.connection())
    add(*(Plant(name=f"Elm {number}") for number in range(3)))


def test_few_rows_need_no_index(plants):
    declare()
    check = lists.have_indexes()
    assert check.ok
    assert check.word == "Search without an index, as there are few rows: Plants"


def test_a_search_without_an_index_is_named_with_its_file(plants, monkeypatch):
    monkeypatch.setattr(lists, "MANY", 2)
    declare()
    check = lists.have_indexes()
    assert check.problem == f"The search in Plants ({FILE}) looks at every row."
    assert "create_search_index" in check.hint


def test_an_order_without_an_index_is_named_with_its_file(plants, monkeypatch):
    monkeypatch.setattr(lists, "MANY", 2)
    name = Column("name", "Name", main=True)
    declare(columns=[name], search=[])
    assert "The order by name in Plants" in lists.have_indexes().problem
    declare(columns=[Column("name", "Name", main=True, sort=[])], search=[], order="id")
    assert lists.have_indexes().word == "Have their indexes"


def test_an_order_by_a_relation_is_named_in_a_large_list(plants, monkeypatch):
    monkeypatch.setattr(lists, "MANY", 2)
    name = Column("name", "Name", main=True, sort=[])
    owner = Column("gardener", "Gardener", value=str, sort=[Gardener.name])
    declare(columns=[name, owner], search=[], order="id")
    check = lists.have_indexes()
    assert check.problem == f"The order by gardener in Plants ({FILE}) sorts all rows."
    assert check.hint == "Give the column `sort=[]`, because no index serves a relation."


def test_the_lists_of_the_application_are_checked(app):
    assert lists.have_indexes().ok
