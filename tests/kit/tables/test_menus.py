"""The menus that features add to the page of a table, and the list with which it opens."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, g
from flask_login import login_user
from jinja2 import ChoiceLoader, DictLoader

from app.kit import slots
from app.kit.slots import table_pages as registered
from app.kit.slots.panels import Panels
from app.kit.web import table_pages
from app.models import User
from tests.kit.tables.plants import Plant, add, declare


@pytest.fixture
def slot(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the menus and starts of features, and know the templates of two menus."""
    monkeypatch.setattr(registered, "_table_menus", Panels())
    monkeypatch.setattr(registered, "_starts", [])
    menus = DictLoader({f"{name}.html": f"<p>{name} {{{{ menu.data.of }}}}" for name in "ab"})
    monkeypatch.setattr(app.jinja_env, "loader", ChoiceLoader([menus, app.jinja_env.loader]))


def show(app: Flask, query: str, user: User | None, path: str = "/admin/") -> str:
    with app.test_request_context(f"{path}?{query}"):
        g.pop("csrf_token", None)
        g.pop("_login_user", None)
        if user:
            login_user(user)
        return str(table_pages.show(declare()))


def test_menus_of_features_stand_on_the_page(
    app: Flask, plants: None, admin: User, slot: None
) -> None:
    slots.table_menu("b.html", order=2)(lambda shown, by: {"of": f"{shown.table.title} {by.id}"})
    slots.table_menu("a.html", order=1)(lambda _shown, _by: {"of": "first"})
    slots.table_menu("nowhere.html")(lambda _shown, _by: None)
    page = show(app, "", admin)
    assert page.index("<p>a first") < page.index(f"<p>b Plants {admin.id}")
    assert "<p>a" not in show(app, "", None)


def test_a_page_without_parameters_opens_with_a_start(
    app: Flask, plants: None, admin: User, slot: None
) -> None:
    add(Plant(name="Oak"), Plant(name="Elm"))
    asked: list[Any] = []
    slots.table_start(lambda table, by: asked.append((table.title, by.id)) or "")
    slots.table_start(lambda _table, _by: "search=oak&columns=name")
    assert "Elm" not in show(app, "", admin)
    assert asked == [("Plants", admin.id)]
    assert "Elm" in show(app, "sort=name", admin)
    assert "Elm" in show(app, "", None)
    assert "Elm" in show(app, "", admin, path="/admin/users")
