"""The search index of a table: it finds what a look at each row finds, and it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask

from app.extensions import db, is_sqlite
from app.kit.database import search_index
from app.kit.tables import search
from tests.contracts.test_snippets import blocks_of
from tests.databases import NEEDS_SQLITE
from tests.kit.tables.plants import Plant, PlantBase, add

COLUMNS = [Plant.name, Plant.notes]


@pytest.fixture
def operations(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Provide the tables of plants, and run the operations of migrations on them."""
    connection = db.session.connection()
    PlantBase.metadata.create_all(connection)
    # Concurrent statements need a transaction of their own, which is not rolled back.
    for helper, options in (("create_index", {"postgresql_using": "gin"}), ("drop_index", {})):
        monkeypatch.setattr(
            search_index,
            helper,
            lambda name, table, columns=None, helper=helper, options=options, **_: (
                search_index.op.create_index(name, table, columns, **options)
                if helper == "create_index"
                else search_index.op.drop_index(name, table)
            ),
        )
    with Operations.context(MigrationContext.configure(connection)):
        yield


def found(text: str) -> list[str]:
    conditions = search.conditions(Plant, COLUMNS, text)
    return list(db.session.scalars(sa.select(Plant.name).where(*conditions).order_by(Plant.id)))


def objects() -> set[str]:
    """Return the names of all tables, indexes and triggers."""
    names = (
        "SELECT name FROM sqlite_master" if is_sqlite() else "SELECT relname::text FROM pg_class"
    )
    return set(db.session.scalars(sa.text(names)))


SEARCHES = {
    "elm": ["Elm"],
    "ÉLM": ["Élm"],
    "été": ["Oak"],
    "sum": ["Oak"],
    "in summer": ["Oak"],
    "ak": ["Oak"],
    "elm of": ["Elm"],
    '"elm"': [],
    "100%": ["Rose 100%"],
    "100_": [],
    "odysseus": ["Odysseus"],
    "ΟΔΥΣΣΕΎΣ": ["Odysseus"],
    "a*": [],
    "-elm": [],
    "NOT elm": [],
}


def test_rows_are_found_with_and_without_the_index(operations: None) -> None:
    without = objects()
    rows = [
        Plant(name="Elm", notes="of the North"),
        Plant(name="Oak", notes="d'été in Summer"),
        Plant(name="Élm"),
        Plant(name="Rose 100%"),
        Plant(name="Odysseus", notes="Ὀδυσσεύς Οδυσσεύς"),
    ]
    add(*rows[:2])
    search_index.create_search_index("plants", ["name", "notes"], nullable=["notes"])
    add(*rows[2:])
    assert search.has_index(Plant, COLUMNS)
    assert {text: found(text) for text in SEARCHES} == SEARCHES
    rows[0].notes = "of the South"
    db.session.delete(rows[1])
    db.session.commit()
    assert (found("north"), found("south"), found("summer")) == ([], ["Elm"], [])
    search_index.drop_search_index("plants")
    assert not search.has_index(Plant, COLUMNS)
    assert objects() == without
    assert (found("north"), found("SOUTH"), found("élm")) == ([], ["Elm"], ["Élm"])


def test_the_migration_of_the_guide_creates_and_drops_the_index(operations: None) -> None:
    scope: dict[str, Any] = {}
    exec(blocks_of("docs/tables.md")[-1], scope)  # noqa: S102
    without = objects()
    add(Plant(name="Elm", notes="of the North"))
    scope["upgrade"]()
    assert search.has_index(Plant, COLUMNS)
    assert found("north") == ["Elm"]
    if is_sqlite():
        assert set(scope["NOT_IN_MODELS"]) <= objects() - without
    scope["downgrade"]()
    assert objects() == without


def test_the_index_is_used(operations: None) -> None:
    add(*(Plant(name=f"Plant {number}") for number in range(300)))
    search_index.create_search_index("plants", ["name", "notes"], nullable=["notes"])
    connection = db.session.connection()
    query = sa.select(Plant.id).where(*search.conditions(Plant, COLUMNS, "plant 2999"))
    if is_sqlite():  # The ids of the index are read first, and then the rows by their ids.
        explain = "EXPLAIN QUERY PLAN"
        matches = search._matches(Plant, ["plant", "2999"])
        wanted = {matches: "plants_search VIRTUAL TABLE INDEX", query: "USING INTEGER PRIMARY KEY"}
    else:
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        explain, wanted = "EXPLAIN", {query: "ix_plants_folded"}
    for asked, way in wanted.items():
        compiled = asked.compile(connection)
        plan = connection.exec_driver_sql(f"{explain} {compiled.string}", _parameters(compiled))
        assert way in str(plan.all())


def _parameters(compiled: sa.Compiled) -> object:
    values = compiled.params
    positions = getattr(compiled, "positiontup", None)
    return tuple(values[name] for name in positions) if positions else values


def test_an_index_of_other_columns_is_not_taken_for_it(operations: None) -> None:
    if not is_sqlite():
        pytest.skip(NEEDS_SQLITE)  # PostgreSQL compares the expressions itself.
    search_index.create_search_index("plants", ["name"])
    assert not search.has_index(Plant, COLUMNS)


def test_common_words_are_searched_in_the_order_of_the_list(
    operations: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FEW", 3)
    search_index.create_search_index("plants", ["name", "notes"], nullable=["notes"])
    add(*(Plant(name=f"Plant {number}") for number in range(5)))
    assert len(found("plant")) == 5
    assert found("plant 3") == ["Plant 3"]
