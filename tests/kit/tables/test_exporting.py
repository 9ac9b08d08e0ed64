"""A declared table as a CSV file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask_login import login_user

from app.extensions import db
from app.kit.tables import Column
from app.kit.web import table_pages
from app.models import AuditEvent, User
from tests.kit.tables.plants import Gardener, Plant, add, declare


@pytest.fixture
def export(app: Flask, plants: None, admin: User) -> Any:
    """Return a function that exports plants, and returns the lines of the file."""

    def lines(query: str = "", method: str = "GET", **changes: Any) -> list[list[str]]:
        with app.test_request_context(f"/admin/?{query}", method=method):
            login_user(admin)
            response: Any = table_pages.export(declare(**changes), by=admin)
            assert response.mimetype == "text/csv"
            text = response.get_data().decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text)))

    return lines


def events() -> list[dict[str, Any]]:
    exports = db.session.query(AuditEvent).filter_by(action=declare().csv_event)
    return [row.details for row in exports]


def test_a_file_holds_every_row_that_matches_and_every_column(export: Any) -> None:
    add(
        Plant(
            name="=1+1",
            light="sun",
            height=-5,
            price=Decimal("1.50"),
            evergreen=True,
            sown_on=date(2026, 3, 1),
            watered_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
            gardener=Gardener(name="Rose;=2"),
            notes="a\nb",
        ),
        *(Plant(name=f"Elm {number}") for number in range(70)),
    )
    head, first, *rest = export("sort=name&per_page=25&columns=light")
    assert head == [
        "Name",
        "Light",
        "Height",
        "Price",
        "Evergreen",
        "Sown",
        "Watered",
        "Gardener",
        "Notes",
    ]
    assert first == [
        "'=1+1",
        "sun",
        "-5",
        "1.50",
        "yes",
        "2026-03-01",
        "2026-03-01 12:30:00",
        "Rose;'=2",
        "a\nb",
    ]
    assert len(rest) == 70
    assert rest[0][1:4] == ["", "", ""]
    assert [row[0] for row in export("light=sun&search=1")[1:]] == ["'=1+1"]


def test_a_file_without_relations_and_functions_holds_the_same(export: Any) -> None:
    add(Plant(name="-Elm", evergreen=True, watered_at=datetime(2026, 3, 1, tzinfo=UTC)))
    columns = [
        Column("name", "Name", main=True),
        Column("evergreen", "Evergreen"),
        Column("watered_at", "Watered"),
        Column("notes", "Notes", in_csv=False),
    ]
    assert export(columns=columns)[1] == ["'-Elm", "yes", "2026-03-01 00:00:00"]
    columns[1] = Column("evergreen", "Evergreen", csv=lambda value: str(value).upper())
    assert export(columns=columns)[1] == ["'-Elm", "TRUE", "2026-03-01 00:00:00"]


def test_a_file_that_the_engine_writes_holds_the_same_as_any_other(export: Any) -> None:
    texts = ["=1", "a;=1", "x\t+1", 'say "hi", x', "Éa", "", None, "'=1", "a\nb", "a\n;-b", " @x"]
    add(
        *(Plant(name=f"{n}{text}", notes=text, light=text) for n, text in enumerate(texts)),
        Plant(name="-1", height=-5, sown_on=date(2026, 3, 1)),
        Plant(name="100%", evergreen=True, watered_at=datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=UTC)),
    )
    names = ["name", "notes", "light", "height", "evergreen", "sown_on", "watered_at"]
    written = [Column(name, name, main=name == "name") for name in names]
    fast = export(columns=written)
    assert fast == [row[:-1] for row in export(columns=[*written, Column("price", "price")])]
    assert len(fast) == len(texts) + 3


class Named:
    """A value of a type of the application's own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name


@pytest.mark.parametrize(
    "value", [Named("=1+1"), ["=1+1"], Decimal("-1.5"), date(2026, 3, 1)], ids=str
)
def test_a_value_of_any_type_runs_no_formula(export: Any, value: Any) -> None:
    add(Plant(name="Elm"))
    columns = [
        Column("name", "Name", main=True),
        Column("own", "Own", value=lambda _plant: value),
    ]
    is_formula = isinstance(value, Named)
    assert export(columns=columns)[1] == ["Elm", f"'{value}" if is_formula else str(value)]


def test_rows_of_other_facts_are_in_the_file_too(export: Any) -> None:
    add(Plant(name="Elm", height=2))

    def rows(plants: list[Plant]) -> list[Any]:
        return [
            type("Row", (), {"name": one.name, "double": 2 * (one.height or 0)}) for one in plants
        ]

    columns = [Column("name", "Name", main=True), Column("double", "Double")]
    assert export(columns=columns, rows=rows)[1] == ["Elm", "4"]


def test_rows_without_a_value_come_last_in_a_file(export: Any) -> None:
    add(Plant(name="a"), Plant(name="b", height=1), Plant(name="c", height=2))
    assert [row[0] for row in export("sort=height")[1:]] == ["b", "c", "a"]
    assert [row[0] for row in export("sort=-height")[1:]] == ["c", "b", "a"]


def test_a_download_is_recorded_and_a_look_at_its_headers_is_not(export: Any) -> None:
    add(Plant(name="Elm"))
    export("search=e", method="HEAD")
    assert events() == []
    export("search=e&light=moon")
    assert events() == [{"sort": "name", "filter": {"search": "e"}, "rows": 1}]
