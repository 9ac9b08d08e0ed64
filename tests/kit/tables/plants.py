"""A model of the tests' own, in tables that no migration knows."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Numeric
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.extensions import db
from app.kit.database import UtcDateTime
from app.kit.tables import Choice, Column, Dates, Numbers, Relation, RowAction, Table, YesNo


class PlantBase(DeclarativeBase):
    """The base of the models here, apart from the application's."""


class Light(StrEnum):
    """How much light a plant needs."""

    SUN = "sun"
    HALF_SHADE = "half_shade"


class Gardener(PlantBase):
    """Waters plants."""

    __tablename__ = "gardeners"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Plant(PlantBase):
    """A row with a column of each type."""

    __tablename__ = "plants"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    notes: Mapped[str | None]
    light: Mapped[str | None]
    height: Mapped[int | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    evergreen: Mapped[bool] = mapped_column(default=False)
    sown_on: Mapped[date | None]
    watered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    gardener_id: Mapped[int | None] = mapped_column(ForeignKey("gardeners.id"))
    gardener: Mapped[Gardener | None] = relationship()


def declare(**changes: Any) -> Table:
    """Return a table of plants, with some changes. Pages of the application serve as its own."""
    return Table(**{**DECLARATION, **changes})


DECLARATION: dict[str, Any] = {
    "model": Plant,
    "title": "Plants",
    "nouns": ("plant", "plants"),
    "endpoint": "admin.index",
    "columns": [
        Column("name", "Name", main=True, link="admin.user_info"),
        Column("light", "Light", badge=True),
        Column("height", "Height", align="end"),
        Column("price", "Price", show=lambda price: f"€ {price}"),
        Column("evergreen", "Evergreen"),
        Column("sown_on", "Sown"),
        Column("watered_at", "Watered"),
        Column("gardener", "Gardener", show=lambda one: one.name, sort=[Gardener.name]),
        Column("notes", "Notes", hidden=True, sort=[]),
    ],
    "search": ["name", "notes"],
    "filters": [
        Choice("light", choices=Light),
        Relation("gardener", search=[Gardener.name]),
        YesNo("evergreen"),
        Dates("sown_on", "Sown"),
        Dates("watered_at", parameter="watered"),
        Numbers("height"),
        Numbers("price"),
    ],
    "order": "name",
    "row_actions": [
        RowAction("Edit", "admin.change_user_name"),
        RowAction("Suspend", "admin.suspend_user", danger=True),
    ],
    "csv": "admin.index",
    "csv_event": "table_operation.downloaded",
}


def add(*plants: Plant) -> None:
    db.session.add_all(plants)
    db.session.commit()
