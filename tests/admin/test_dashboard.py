"""The dashboard and the menus show exactly the pages that the user may open."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit import slots
from app.models import Permission, Role
from tests.factories import make_role
from tests.routes import rows

CARDS, PAGES = rows("CARDS"), rows("MENU")
SINGLE = [bit for bit in Permission if bit & Permission.management()]


def sidebar(page):
    menu = page.split('aria-label="Admin"')[1].split("</nav>")[0]
    return re.findall(r'<a [^>]*href="([^"]+)"', menu)


@pytest.mark.parametrize("bit", SINGLE, ids=str)
def test_users_who_manage_a_part_see_that_part_and_no_other(someone_with, bit):
    """AZ-1"""
    browser = someone_with(Permission.GENERAL | bit)
    page = browser.get("/admin/")
    assert page.status_code == 200
    content = page.text.split("<main")[1]
    shown = {permission for permission, words in CARDS.items() if words in content}
    assert shown == {bit} & set(CARDS)
    links = {link.split("?")[0] for link in re.findall(r'<a [^>]*href="(/[^"#]*)', content)}
    for link in links:
        assert browser.get(link).status_code in {200, 302}, link


@pytest.mark.parametrize("bit", SINGLE, ids=str)
def test_the_menu_lists_the_pages_that_the_user_may_open(someone_with, bit):
    """AZ-1: every entry opens, and pages that are not listed do not."""
    browser = someone_with(Permission.GENERAL | bit)
    links = sidebar(browser.get("/admin/").text)
    assert "/admin/" in links
    for link in links:
        assert browser.get(link).status_code == 200, link
    for permission, path in PAGES.items():
        assert (path in links) is (permission == bit)
    for path in {path for path in PAGES.values() if path.startswith("/admin")} - set(links):
        assert browser.get(path).status_code == 403


def test_an_administrator_sees_everything(client, admin):
    client.enter(admin)
    page = client.get("/admin/").text
    assert all(words in page for words in CARDS.values())
    assert set(PAGES.values()) <= set(sidebar(page))


def test_a_card_that_has_nothing_to_show_is_left_out(client, admin, monkeypatch):
    cards = [replace(one, load=lambda: None) for one in slots.cards()]
    monkeypatch.setattr(slots, "cards", lambda: cards)
    client.enter(admin)
    page = client.get("/admin/").text
    assert "Choose from the menu" in page
    assert "The parts of the app that you manage." in page


def test_the_general_permission_opens_no_dashboard(someone_with):
    browser = someone_with(Permission.GENERAL)
    assert browser.get("/admin/").status_code == 403
    assert 'href="/admin/"' not in browser.get("/").text


@pytest.mark.parametrize("bit", SINGLE, ids=str)
def test_the_link_to_the_admin_is_shown_to_users_who_manage_something(someone_with, bit):
    assert 'href="/admin/"' in someone_with(bit).get("/").text


@pytest.mark.parametrize(
    ("bits", "home"),
    [(Permission.MANAGE_CONTENT, "/admin/"), (Permission.GENERAL, "/"), (0x100, "/")],
)
def test_people_begin_in_the_home_of_their_role_if_it_lets_them(app, client, make_user, bits, home):
    user = make_user()
    user.role = make_role("Editor", bits, index="admin")
    db.session.commit()
    assert client.sign_in(user.email).location == home
    assert client.get(home).status_code == 200


@pytest.mark.parametrize("index", ["nowhere", "", "static", "account.manage", "admin.index"])
def test_a_home_that_the_app_does_not_have_is_the_home_page(client, make_user, index):
    user = make_user(role="Administrator")
    role = db.session.scalar(select(Role).where(Role.name == "Administrator"))
    role.index = index
    db.session.commit()
    assert client.sign_in(user.email).location == "/"


@pytest.mark.parametrize("bit", CARDS, ids=str)
def test_the_data_of_a_hidden_card_is_not_loaded(someone_with, bit, monkeypatch):
    """A dashboard without these cards waits neither for Redis nor for a count of users."""

    def fail():
        raise AssertionError("asked in vain")

    cards = [one if one.permission == bit else replace(one, load=fail) for one in slots.cards()]
    monkeypatch.setattr(slots, "cards", lambda: cards)
    page = someone_with(bit).get("/admin/")
    assert page.status_code == 200
    assert CARDS[bit] in page.text
