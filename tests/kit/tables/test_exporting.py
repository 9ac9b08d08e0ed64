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
from app.kit.tables import Amount, Column, csv_columns, exporting
from app.kit.web import table_pages
from app.models import AuditEvent, User
from tests.kit.tables.plants import Gardener, Plant, add, declare


@pytest.fixture
def export(app: Flask, plants: None, admin: User) -> Any:
    """Return a function that exports plants, and returns the lines of the file."""

    def text(query: str = "", method: str = "GET", **changes: Any) -> str:
        with app.test_request_context(f"/admin/?{query}", method=method):
            login_user(admin)
            response: Any = table_pages.export(declare(**changes), by=admin)
            assert response.mimetype == "text/csv"
            data: bytes = response.get_data()
        return data.decode("utf-8-sig")

    def lines(query: str = "", method: str = "GET", **changes: Any) -> list[list[str]]:
        return list(csv.reader(io.StringIO(text(query, method, **changes), newline="")))

    lines.text = text  # type: ignore[attr-defined]
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


def test_a_file_that_the_engine_writes_is_that_of_python_byte_for_byte(
    export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["=1", "a;=1", "x\t+1", 'say "hi", x', "Éa", "", None, "'=1", "a\nb", "a\n;-b", " @x"]
    texts += [
        "\t=1",
        "\r\n-1",
        ";=1;-1",
        "＝1",
        "'' +1",
        "\\.",
        "100%",
        "%s",
        ":x",
        "🌷; @1",
        "\x1f",
    ]
    add(
        *(
            Plant(name=f"{n}{text}", notes=text, light=text, gardener=Gardener(name=text or "-"))
            for n, text in enumerate(texts)
        ),
        Plant(name="-1", height=-5, sown_on=date(987, 3, 1)),
        Plant(name="1,5", evergreen=True, watered_at=datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=UTC)),
        Plant(name="old", sown_on=date(1, 1, 1), watered_at=datetime(345, 1, 2, 3, tzinfo=UTC)),
        *(Plant(name="h", height=n) for n in (0, 7, -7, -99, -100, 12_345, 2**31 - 1, -(2**31))),
    )
    for currency in ("EUR", "JPY", "KWD"):
        names = ["name", "notes", "light", "evergreen", "sown_on", "watered_at"]
        columns = [
            *(Column(name, name, main=name == "name") for name in names),
            Column("height", "Height", csv=Amount(currency)),
            Column("gardener", "Gardener", show=lambda one: one.id, csv=Gardener.name),
        ]
        for sort in ("name", "-gardener"):
            files = written_by_both(monkeypatch, export, f"sort={sort}", columns=columns)
            assert files[0] == files[1]
    assert files[0].count("\n") > len(texts) + 11


def test_a_file_of_one_column_has_a_line_for_each_row(
    export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(Plant(name="Ash", notes="a"), Plant(name="Elm"), Plant(name="Fir", notes=""))
    for name, second in (("notes", '"a"\r\n""\r\n""'), ("height", '""\r\n""\r\n""')):
        columns = [Column("name", "Name", main=True, in_csv=False), Column(name, "One")]
        files = written_by_both(monkeypatch, export, columns=columns)
        assert files[0] == files[1]
        assert files[0].replace("\na\r", '\n"a"\r') == f"One\r\n{second}\r\n"


def test_a_csv_that_the_engine_does_not_know_is_written_by_python(export: Any) -> None:
    add(Plant(name="Elm", price=Decimal("1.50"), gardener=Gardener(name="Rose")))
    columns = [
        Column("name", "Name", main=True),
        Column("gardener", "Gardener", csv=Gardener.name),
        Column("price", "Price", csv=lambda price: f"€ {price}"),
    ]
    assert export(columns=columns)[1] == ["Elm", "Rose", "€ 1.50"]


def written_by_both(
    monkeypatch: pytest.MonkeyPatch, export: Any, *query: str, **changes: Any
) -> Any:
    """Return a file as the database writes it, and as Python does."""
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "_pieces", None)
        by_database = export.text(*query, **changes)
    with monkeypatch.context() as patch:
        patch.setattr(csv_columns, "selected", lambda *_arguments: None)
        by_python = export.text(*query, **changes)
    return by_database, by_python


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
