"""The slots of pages in which the core and the features register."""

import re

import pytest
from flask import render_template_string
from jinja2 import ChoiceLoader, FileSystemLoader
from sqlalchemy import true

from app.kit import slots
from app.kit.slots import sign_in_methods
from app.kit.slots.panels import Panels
from config import ConfigurationError
from settings import manifests


@pytest.mark.parametrize("name", manifests.MENUS)
def test_every_entry_of_a_menu_leads_to_a_page(app, name):
    gone = [entry.endpoint for entry in slots.menu(name) if not is_page(app, entry.endpoint)]
    gone += [one.needs for one in slots.menu(name) if one.needs and not is_page(app, one.needs)]
    assert not gone, (
        f"The menu {name} names {', '.join(gone)}. Correct the endpoint in app/core.toml or in the "
        "feature.toml."
    )


def is_page(app, endpoint):
    return endpoint in app.view_functions


def test_the_menu_of_the_admin_area_is_in_order(app, client, admin):
    client.enter(admin)
    menu = client.get("/admin/").text.split('aria-label="Admin"')[1].split("</nav>")[0]
    entries = slots.menu("admin")
    labels = [one.label for one in entries if not one.setting or app.config[one.setting]]
    assert labels[:2] == ["Dashboard", "People"]
    assert re.findall(r">([^<>]+)</a>", menu) == labels


def test_an_action_needs_a_view_and_a_view_that_acts_its_action(app, monkeypatch):
    """The button and the early refusal used to depend on names cut out of request.endpoint."""
    views = {**app.view_functions}
    view = views.pop("admin.suspend_user")
    monkeypatch.setattr(app, "view_functions", views)
    with pytest.raises(ConfigurationError, match=r"@user_action names admin\.suspend_user, but"):
        slots.check(app)
    monkeypatch.setattr(app, "view_functions", {**app.view_functions, "admin.suspend_user": view})
    slots.check(app)
    monkeypatch.setattr(app, "view_functions", {**app.view_functions, "admin.shut": view})
    with pytest.raises(ConfigurationError, match=r"Register its action with @slots\.user_action"):
        slots.check(app)


def test_two_actions_cannot_have_one_endpoint():
    with pytest.raises(ConfigurationError, match=r"have the endpoint admin\.suspend_user"):
        slots.user_action("admin.suspend_user", "Suspend")(lambda _user, _by: True)


@pytest.mark.parametrize("value", [True, False])
def test_an_entry_is_shown_while_its_setting_is_on(app, client, monkeypatch, value):
    entry = manifests.MenuEntry("account.login", "Way in", "", "house", 1, "", "CARPET")
    monkeypatch.setattr(slots, "menu", lambda _name: (entry,))
    monkeypatch.setitem(app.config, "CARPET", value)
    assert ("Way in" in client.get("/").text) == value


def test_a_group_stands_where_its_first_entry_does(app, monkeypatch):
    entries = (
        manifests.MenuEntry("main.index", "Home", "Shop", "house", 1, ""),
        manifests.MenuEntry("account.login", "Log in", "Account", "house", 2, ""),
        manifests.MenuEntry("main.healthz", "Health", "Shop", "house", 3, ""),
        manifests.MenuEntry("main.gone", "Gone", "Gone", "house", 4, ""),
    )
    monkeypatch.setattr(slots, "menu", lambda _name: entries)
    with app.test_request_context():
        groups = app.jinja_env.globals["menu_groups"]("admin")
        shown = render_template_string(
            "{% from 'macros/nav_macros.html' import render_menu_groups %}"
            "{{ render_menu_groups(groups) }}",
            groups=groups,
        )
    parts = [shown.index(f">{word}</") for word in ("Shop", "Home", "Health", "Account", "Log in")]
    assert parts == sorted(parts)
    assert "Gone" not in shown


@pytest.fixture
def parts(app, monkeypatch, tmp_path):
    """Make the templates `first.html` and `second.html`, and remove the parts of features."""
    for name in ("first", "second"):
        (tmp_path / f"{name}.html").write_text(
            f"<p>The {name} way: {{{{ panel and panel.data.words }}}}</p>"
        )
    loaders = [FileSystemLoader(tmp_path), app.jinja_env.loader]
    monkeypatch.setattr(app.jinja_env, "loader", ChoiceLoader(loaders))
    monkeypatch.setattr(sign_in_methods._on_sign_in, "_parts", [])
    monkeypatch.setattr(sign_in_methods, "_fresh_sign_in_parts", Panels())
    monkeypatch.setattr(sign_in_methods, "_sign_in_methods", {})


@pytest.mark.usefixtures("parts")
def test_ways_to_sign_in_are_below_the_form_in_their_order(client):
    slots.sign_in_part("second.html", order=20)
    slots.sign_in_part("first.html", order=10)
    page = client.get("/account/login").text
    assert page.index("</form>") < page.index("The first way") < page.index("The second way")


@pytest.mark.usefixtures("parts")
def test_a_fresh_sign_in_offers_the_ways_that_the_user_has(client, make_user):
    slots.fresh_sign_in_part("first.html")(lambda user, _by: {"words": user.first_name})
    slots.fresh_sign_in_part("second.html")(lambda _user, _by: None)
    client.enter(make_user(first_name="Morgiana"))
    page = client.get("/account/reauthenticate").text
    assert "The first way: Morgiana" in page
    assert "The second way" not in page


@pytest.mark.usefixtures("parts")
def test_the_last_way_in_is_known(make_user):
    user = make_user()
    slots.sign_in_method("carpet")(lambda _user_id: true())
    assert slots.has_other_sign_in_method(user, "carpet")  # the password
    user.password_hash = None
    assert not slots.has_other_sign_in_method(user, "carpet")
    slots.sign_in_method("lamp")(lambda _user_id: true())
    assert slots.has_other_sign_in_method(user, "carpet")
