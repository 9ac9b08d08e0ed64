"""The dashboard and the menus: each shows what one may open, and no more."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit import audit, slots
from app.models import Permission, Role
from tests.factories import make_role

CARDS = {
    Permission.MANAGE_USERS: "New people",
    Permission.VIEW_AUDIT: "What happened last",
    Permission.MANAGE_JOBS: "System",
    Permission.MANAGE_ROLES: 'id="roles"',
    Permission.MANAGE_CONTENT: "Edit this page",
}
PAGES = {
    Permission.MANAGE_USERS: "/admin/users",
    Permission.MANAGE_JOBS: "/admin/jobs",
    Permission.MANAGE_ROLES: "/admin/roles",
    Permission.MANAGE_CONTENT: "/about",
}
SINGLE = [bit for bit in Permission if bit & Permission.management()]


@pytest.fixture
def someone_with(app, make_user):
    """Return a function that gives a browser of someone who holds the given bits."""

    def enter(bits, **values):
        user = make_user()
        user.role = make_role(f"With {bits}", bits, **values)
        db.session.commit()
        browser = app.test_client()
        browser.enter(user)
        return browser

    return enter


def sidebar(page):
    menu = page.split('aria-label="Admin"')[1].split("</nav>")[0]
    return re.findall(r'<a [^>]*href="([^"]+)"', menu)


@pytest.mark.parametrize("bit", SINGLE, ids=str)
def test_whoever_manages_a_part_sees_that_part_and_no_other(someone_with, bit):
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
def test_the_menu_lists_what_one_may_open(someone_with, bit):
    """AZ-1: every entry opens, and what is not listed does not."""
    browser = someone_with(Permission.GENERAL | bit)
    links = sidebar(browser.get("/admin/").text)
    assert "/admin/" in links
    for link in links:
        assert browser.get(link).status_code == 200, link
    for permission, path in PAGES.items():
        assert (path in links) is (permission == bit)
    for path in {"/admin/users", "/admin/jobs", "/admin/roles"} - set(links):
        assert browser.get(path).status_code == 403


def test_a_site_without_the_about_page_has_no_link_to_it(someone_with, app, monkeypatch):
    """The dashboard asked url_for for it, which failed once the view was taken out."""
    browser = someone_with(Permission.GENERAL | Permission.MANAGE_CONTENT)
    assert "/about" in browser.get("/admin/").text
    monkeypatch.delitem(app.view_functions, "main.about")
    page = browser.get("/admin/")
    assert page.status_code == 200
    assert "/about" not in page.text


def test_an_administrator_sees_everything(client, admin):
    client.enter(admin)
    page = client.get("/admin/").text
    assert all(words in page for words in CARDS.values())
    assert set(PAGES.values()) <= set(sidebar(page))


def test_what_a_card_does_not_show_is_not_asked_for(someone_with, monkeypatch):
    """A dashboard of pages alone waits neither for Redis nor for a count of people."""

    def fail():
        raise AssertionError("asked in vain")

    cards = [
        one if one.permission == Permission.MANAGE_CONTENT else replace(one, load=fail)
        for one in slots.cards()
    ]
    monkeypatch.setattr(slots, "cards", lambda: cards)
    page = someone_with(Permission.MANAGE_CONTENT).get("/admin/")
    assert page.status_code == 200
    assert CARDS[Permission.MANAGE_CONTENT] in page.text


def test_a_card_that_has_nothing_to_show_is_left_out(client, admin, monkeypatch):
    cards = [replace(one, load=lambda: None) for one in slots.cards()]
    monkeypatch.setattr(slots, "cards", lambda: cards)
    client.enter(admin)
    page = client.get("/admin/").text
    assert "Choose from the menu" in page
    assert "What you look after here." in page


def test_the_general_permission_opens_no_dashboard(someone_with):
    browser = someone_with(Permission.GENERAL)
    assert browser.get("/admin/").status_code == 403
    assert 'href="/admin/"' not in browser.get("/").text


@pytest.mark.parametrize("bit", SINGLE, ids=str)
def test_the_way_to_the_admin_is_shown_to_whoever_manages_something(someone_with, bit):
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


@pytest.mark.parametrize("index", ["nowhere", "", "static", "account", "admin.index"])
def test_a_home_that_the_app_does_not_have_is_the_home_page(client, make_user, index):
    user = make_user(role="Administrator")
    role = db.session.scalar(select(Role).where(Role.name == "Administrator"))
    role.index = index
    db.session.commit()
    assert client.sign_in(user.email).location == "/"


def test_the_audit_card_tells_the_latest_deeds_and_shows_them_as_typed(someone_with, admin):
    """IN-2"""
    role = make_role("<i>Sly</i>", 1)
    audit.record("role.created", by=admin, subject=role)
    db.session.commit()
    page = someone_with(Permission.VIEW_AUDIT).get("/admin/").text
    assert "Made the role" in page
    assert "&lt;i&gt;Sly&lt;/i&gt;" in page
    assert "admin@example.com" in page


def test_nobody_is_led_to_an_invitation_where_invitations_are_closed(
    app, someone_with, monkeypatch
):
    browser = someone_with(Permission.GENERAL | Permission.MANAGE_USERS)
    assert "/admin/invite-user" in browser.get("/admin/").text
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    page = browser.get("/admin/").text
    assert "/admin/invite-user" not in page
    assert "/admin/new-user" in page


def test_whoever_may_only_sign_in_as_others_is_told_how(someone_with):
    """No page of the menu leads there without the permission to find people."""
    page = someone_with(Permission.GENERAL | Permission.IMPERSONATE).get("/admin/").text
    assert "/admin/user/7/sign-in-as" in page
