"""A declaration that makes no sense fails at the start, with its file and its title."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from app.kit.tables import Choice, Column, Numbers, RowAction
from app.kit.tables import table as tables
from app.kit.web import table_pages
from config import ConfigurationError
from tests.kit.tables.plants import DECLARATION, Gardener, Plant, declare

NAME = Column("name", "Name", main=True)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"columns": [NAME, Column("colour", "Colour")]}, "column colour is no attribute of Plant"),
        (
            {"columns": [NAME, Column("id", "Number", sort=["id"])]},
            "column id sorts by a text. Name attributes, as Plant.name.",
        ),
        ({"columns": [NAME, NAME]}, "two columns have the name name"),
        ({"columns": [Column("name", "Name")]}, "exactly one column has to be `main`"),
        ({"columns": [NAME, replace(NAME, name="notes")]}, "exactly one column has to be `main`"),
        ({"columns": [NAME, Column("x", "X", macro="x.html")]}, "Write it as file:macro"),
        ({"search": ["colour"]}, "it searches colour, which is no column of Plant"),
        ({"filters": [Choice("colour", choices=[])]}, "filter colour is no attribute of Plant"),
        (
            {"filters": [Numbers("height"), Numbers("price", parameter="height")]},
            "two controls have the parameter height_from",
        ),
        ({"filters": [Choice("light", parameter="sort")]}, "two controls have the parameter sort"),
        ({"order": "-colour"}, "it cannot be sorted by -colour"),
        ({"order": "gardener", "columns": [NAME]}, "it cannot be sorted by gardener"),
        ({"csv_event": ""}, "a CSV file needs `csv_event`"),
    ],
)
def test_a_mistake_names_the_file_and_the_table(plants: None, changes: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=r"tests/kit/tables/plants\.py") as error:
        declare(**changes)
    assert problem in str(error.value)
    assert "'Plants'" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"endpoint": "admin.plants"}, "there is no page admin.plants"),
        ({"csv": "admin.plants"}, "there is no page admin.plants"),
        ({"add": ("Add", "admin.plants")}, "there is no page admin.plants"),
        ({"row_actions": [RowAction("Cut", "admin.cut")]}, "there is no page admin.cut"),
        ({"row_actions": [RowAction("Cut", "admin.index")]}, "has to take one argument"),
        ({"csv_event": "plant.sold"}, "csv_event plant.sold has no words"),
        ({"csv_event": "user.suspended"}, "Name it under `searches`"),
        ({"columns": [NAME, Column("notes", "N", csv=Gardener.name)]}, "is Gardener.name, which"),
        (
            {"columns": [NAME, Column("gardener", "G", csv=Plant.name)]},
            "is Plant.name, which is no",
        ),
    ],
)
def test_a_page_that_is_missing_stops_the_start(
    app: Flask, plants: None, changes: Any, problem: str
) -> None:
    declare(**changes)
    with pytest.raises(ConfigurationError, match=r"tests/kit/tables/plants\.py") as error:
        table_pages.check(app)
    assert problem in str(error.value)


def test_two_files_cannot_declare_a_table_for_one_page(plants: None) -> None:
    declare()
    declare()  # the same file, reloaded
    with pytest.raises(ConfigurationError, match=r"plants\.py declares a table for admin\.index"):
        tables.Table(**DECLARATION)


def test_the_tables_of_the_application_are_declared_well(app: Flask) -> None:
    table_pages.check(app)
