"""Rows of a table page: a macro runs once for each kind of row, and contents are put in."""

from __future__ import annotations

from typing import Any
from weakref import ref

from flask import Flask
from flask_login import login_user

from app.kit.tables import Column, RowAction
from app.kit.web import table_pages
from app.models import User
from tests.kit.tables.plants import Plant, add, declare
from tests.kit.tables.test_pages import show  # noqa: F401 - a fixture


def test_contents_are_escaped_and_cannot_stand_for_others(show: Any) -> None:  # noqa: F811
    def nul(text: str) -> str:  # which PostgreSQL cannot store
        return text.replace("~", "\0")

    add(Plant(name='~"<b>', notes="<i>"), Plant(name="~03~", notes="~~04~"))

    page = show(
        columns=[
            Column("name", "Name", main=True, value=lambda row: nul(row.name)),
            Column("notes", "Notes", show=nul),
        ]
    )

    assert "&lt;i&gt;</td>" in page
    assert "<i>" not in page
    assert '<span class="visually-hidden">Actions for \0&#34;&lt;b&gt;</span>' in page
    assert "<strong>\0" + "03\0</strong>" in page
    assert ">\0\0" + "04\0</td>" in page


def test_rows_of_different_kinds_have_their_own_actions(show: Any) -> None:  # noqa: F811
    add(Plant(name="Ash"), Plant(name="Elm", evergreen=True), Plant(name="Fir"))

    page = show(
        row_actions=[
            RowAction("Edit", "admin.change_user_name"),
            RowAction("Fell", "admin.suspend_user", is_offered=lambda row: row.evergreen),
        ]
    )

    assert page.count(">Edit</a>") == 3
    assert page.count(">Fell</a>") == 1
    assert "/admin/user/2/suspend" in page


def test_a_row_without_a_name_is_named_by_a_dash(show: Any) -> None:  # noqa: F811
    add(Plant(name="Ash"))
    page = show(columns=[Column("notes", "Notes", main=True)])
    assert ">Actions for –</span>" in page
    assert "None" not in page


def test_the_cell_of_any_column_can_be_a_link(show: Any) -> None:  # noqa: F811
    add(Plant(id=7, name="Ash", notes="<i>", height=3, light="sun"), Plant(name="Elm"))
    page = show(
        columns=[
            Column("name", "Name", main=True),
            Column("notes", "Notes", link=".user_info"),
            Column("height", "Height", link="admin.change_user_name"),
            Column("light", "Light", link=lambda row: "/a?b&c"),
        ]
    )
    assert '<td role="cell" data-label="Notes"><a href="/admin/user/7">&lt;i&gt;</a></td>' in page
    assert '<a href="/a?b&amp;c">sun</a>' in page.lower()
    assert page.count("–</td>") == 3  # of the row without values


def test_the_rows_of_a_page_are_freed_without_a_garbage_collection(
    app: Flask, plants: None, admin: User
) -> None:
    add(Plant(name="Ash"))
    with app.test_request_context("/admin/"):
        login_user(admin)
        shown = table_pages.load(table_pages.read(declare()))
        assert shown.row_url(shown.page.rows[0])
        table_pages.render(shown)
    kept = ref(shown)
    del shown
    assert kept() is None
