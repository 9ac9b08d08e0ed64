"""A declared table as a page: search, filters, orders, pages, columns, actions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask import Flask, g
from flask_login import login_user
from sqlalchemy import BigInteger, Integer, column, text

from app.extensions import db, is_sqlite
from app.kit.tables import Numbers, cursors, totals
from app.kit.tables.cursors import Cursor
from app.kit.web import table_pages
from app.models import User
from tests.fixtures.statements import Statements
from tests.kit.tables.plants import Gardener, Light, Plant, add, declare

NAMES = re.compile(r'class="row-link" href="/admin/user/\d+">([^<]*)<')


@pytest.fixture
def show(app: Flask, plants: None, admin: User) -> Any:
    """Return a function that shows a page of plants as the administrator sees it."""

    def page(query: str = "", where: Any = (), **changes: Any) -> str:
        with app.test_request_context(f"/admin/?{query}"):
            g.pop("csrf_token", None)  # of an earlier request in the same context
            login_user(admin)
            return str(table_pages.show(declare(**changes), where=where))

    return page


def names(page: str) -> list[str]:
    """Return the names of the rows, in their order."""
    return [unescape(name) for name in NAMES.findall(page)]


def walk(show: Any, query: str, rel: str, **changes: Any) -> list[list[str]]:
    """Follow the links to the next or the previous page, and return the names of each page."""
    pages = []
    while query is not None:
        page = show(query, **changes)
        pages.append(names(page))
        link = re.search(rf'rel="{rel}" href="/admin/\?([^"]*)"', page)
        query = unescape(link[1]) if link else None  # type: ignore[assignment]
    return pages


def flat(pages: list[list[str]]) -> list[str]:
    return [name for page in pages for name in page]


def test_a_page_shows_values_by_their_types(show: Any) -> None:
    add(
        Plant(
            name="<Oak>",
            light="half_shade",
            height=12_345,
            price=Decimal("1.50"),
            evergreen=True,
            sown_on=date(2026, 3, 1),
            watered_at=datetime(2020, 3, 1, tzinfo=UTC),
            gardener=Gardener(name="Rose & Co"),
            notes="secret",
        ),
        Plant(name="Elm"),
    )
    page = show()
    assert names(page) == ["<Oak>", "Elm"]
    for shown in ("12,345", "€ 1.50", ">Yes<", "1 Mar 2026", "1 Mar 2020", "Rose &amp; Co"):
        assert shown in page
    assert 'data-label="Light"><span class="status' in page
    assert "Half_shade" in page or "Half shade" in page
    assert page.count("–</td>") == 6
    assert "secret" not in page
    assert "secret" in show("columns=notes")
    assert "<strong>2</strong> plants" in page
    assert re.findall(r'class="menu-item[^"]*" href="([^"]+)"', page)[:2] == [
        f"/admin/user/{db.session.query(Plant).filter_by(name='<Oak>').one().id}/change-name",
        f"/admin/user/{db.session.query(Plant).filter_by(name='<Oak>').one().id}/suspend",
    ]


@pytest.mark.parametrize("sort", ["name", "height", "price", "sown_on", "watered_at", "gardener"])
@pytest.mark.parametrize("minus", ["", "-"])
def test_rows_without_a_value_come_last_in_every_order(show: Any, sort: str, minus: str) -> None:
    for number in range(7):
        known = number < 4
        add(
            Plant(
                name=f"Plant {number}",
                height=number if known else None,
                price=Decimal(number) / 4 if known else None,
                sown_on=date(2026, 1, 1 + number) if known else None,
                watered_at=datetime(2026, 1, 1 + number, tzinfo=UTC) if known else None,
                gardener=Gardener(name=f"Gardener {number}") if known else None,
            )
        )
    expected = [f"Plant {number}" for number in range(7)]
    if minus:
        expected = expected[3::-1] + expected[:3:-1] if sort != "name" else expected[::-1]
    query = f"sort={minus}{sort}&per_page=2"
    forward = walk(show, query, "next", per_page=2)
    assert flat(forward) == expected
    backward = walk(show, f"{query}&last=1", "prev", per_page=2)
    # The first page is full, so it may repeat rows of the second.
    assert list(dict.fromkeys(flat(backward[::-1]))) == expected
    numbered = [names(show(f"{query}&page={number}", per_page=2)) for number in range(1, 6)]
    assert numbered == [*forward, []]


def test_a_page_reads_the_database_as_often_for_many_rows_as_for_one(
    show: Any,
    statements: Statements,
) -> None:
    add(Plant(name="Elm", gardener=Gardener(name="Ada")))
    show()
    db.session.expire_all()
    statements.clear()
    show()
    few = len(statements)
    add(*(Plant(name=f"Elm {n}", gardener=Gardener(name=f"Bob {n}")) for n in range(30)))
    db.session.expire_all()
    statements.clear()
    assert len(names(show())) == 31
    assert len(statements) == few


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=ELM", ["Elm"]),
        ("search=é", ["Oak"]),
        ("search=ÉTÉ+oa", ["Oak"]),
        ("search=o", ["Oak"]),
        ("search=100%25", []),
        ("search=m_", []),
        ("light=sun", ["Elm"]),
        ("gardener=ad", ["Elm"]),
        ("evergreen=yes", ["Oak"]),
        ("evergreen=no", ["Elm"]),
        ("sown_on_from=2026-01-02", ["Oak"]),
        ("sown_on_to=2026-01-01", ["Elm"]),
        ("watered_from=2026-02-01&watered_to=2026-02-01", ["Elm"]),
        ("height_from=-5&height_to=5", ["Elm"]),
        ("price_from=1,5", ["Oak"]),
        ("height_from=1&search=oak", ["Oak"]),
    ],
)
def test_a_list_is_searched_and_filtered(show: Any, query: str, found: list[str]) -> None:
    add(
        Plant(
            name="Elm",
            light="sun",
            gardener=Gardener(name="Ada"),
            sown_on=date(2026, 1, 1),
            watered_at=datetime(2026, 2, 1, 23, 59, tzinfo=UTC),
            height=3,
            price=Decimal("1.49"),
        ),
        Plant(
            name="Oak",
            notes="d'été",
            evergreen=True,
            sown_on=date(2026, 1, 2),
            height=9,
            price=Decimal("1.5"),
        ),
    )
    page = show(query)
    assert names(page) == found
    assert "list-notices" not in page


@pytest.mark.parametrize(
    "query",
    [
        "sort=secret",
        "sort=notes",
        "sort=--name",
        "light=%3Cb%3E",
        "evergreen=maybe",
        "sown_on_from=yesterday",
        "sown_on_from=2026-02-01&sown_on_to=2026-01-01",
        "height_from=1e9",
        "height_from=99999999999",
        "price_to=NaN",
        "per_page=7",
        "page=-1",
        "page=x",
        "columns=password",
        "after=x",
        "before=WyIiXQ",
        "after=" + "x" * 3000,
        "before=%00",
    ],
)
def test_a_wrong_value_shows_the_plain_list_and_says_so(show: Any, query: str) -> None:
    add(Plant(name="Elm"), Plant(name="Oak"))
    page = show(query)
    assert names(page) == ["Elm", "Oak"]
    assert "list-notices" in page
    assert "<b>" not in page


@pytest.mark.parametrize("price", ["1E+140000", "1E-20000", "-9E+99999", "sNaN", "1e5"])
def test_a_cursor_with_a_number_that_no_column_holds_stops_no_page(show: Any, price: str) -> None:
    add(Plant(name="Elm", price=Decimal("1.50")))
    cursor = cursors.write("price", Cursor("", (price, 1)))
    assert "Elm" in show(f"sort=price&after={cursor}")


def test_a_filter_takes_the_numbers_that_its_column_holds() -> None:
    big, small = (
        Numbers("n", scale=100, column=column("n", kind)) for kind in (BigInteger, Integer)
    )
    args = {"n_from": "30000000"}
    assert big.read(args, None).values == args
    assert small.read(args, None).values == {}
    assert big.read({"n_from": "9" * 15}, None).values == {"n_from": "9" * 15}


def test_a_cursor_of_another_order_is_refused(show: Any) -> None:
    add(*(Plant(name=f"Elm {n}", height=n) for n in range(4)))
    page = show("sort=height", per_page=2)
    cursor = re.search(r"after=([\w-]+)", page)[1]  # type: ignore[index]
    assert names(show(f"sort=height&after={cursor}", per_page=2)) == ["Elm 2", "Elm 3"]
    assert "That page is not in this list" in show(f"sort=-height&after={cursor}", per_page=2)


def test_a_view_may_show_only_some_rows(show: Any) -> None:
    add(Plant(name="Elm"), Plant(name="Oak", evergreen=True))
    assert names(show(where=[Plant.evergreen])) == ["Oak"]


def test_an_empty_list_says_what_to_do(show: Any) -> None:
    empty = ("flower1", "No plants yet", "Sow the first one.")
    page = show(empty=empty, add=("Sow a plant", "admin.new_user"))
    assert "Sow the first one." in page
    assert page.count('href="/admin/new-user"') == 2
    page = show("search=elm", empty=empty)
    assert "No plant matches" in page
    assert "Show all plants" in page


def test_controls_keep_the_state_of_the_url(show: Any) -> None:
    add(Plant(name="Elm", light=Light.SUN))
    page = show("search=e&light=sun&sort=-height&columns=height&per_page=25")
    header = re.search(r'<a class="sort-link" href="/admin/\?([^"]*)" data-current', page)
    assert (
        unescape(header[1])
        == "search=e&light=sun&sort=height&columns=name&columns=height&per_page=25"
    )  # type: ignore[index]
    assert '<option value="sun" selected>Sun</option>' in page
    assert "Light</th>" not in page
    assert 'name="columns" value="height"' in page


def test_a_filter_that_leaves_many_rows_finds_them_in_their_order(
    show: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "CAP", 2)
    ann = Gardener(name="Ann")
    add(*(Plant(name=f"Elm {number}", evergreen=True, gardener=ann) for number in range(4)))
    add(Plant(name="Ash"), Plant(name="Fir", evergreen=True))

    page = show("evergreen=yes&gardener=ann&sort=-name", per_page=3)

    assert names(page) == ["Elm 3", "Elm 2", "Elm 1"]
    assert "More than 2" in page


@pytest.mark.parametrize("count", [4, 5])
def test_postgresql_estimates_how_many_rows_a_large_table_has(
    show: Any, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(totals, "CAP", 2)
    add(*(Plant(name=f"Elm {number}") for number in range(count)))
    if not is_sqlite():
        db.session.execute(text("ANALYZE plants"))

    page = show(per_page=3)

    assert ("More than 2" if is_sqlite() else f"About {count}") in page


def test_a_list_that_fits_on_a_page_is_not_counted(
    show: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "count", None)
    add(Plant(name="Elm"), Plant(name="Oak"), Plant(name="Oak"))

    assert "2</strong> plants" in show("search=oak")
    assert "0</strong> plants" in show("search=fir")
