"""The plain list of users, which the core shows when no feature replaces it."""

import re

import pytest

from app.admin.views import users
from app.kit.database import now
from app.kit.tables.table import PER_PAGE
from tests import factories

LIST = "/admin/users"


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setattr(users, "_show_list", [users.show_plain_list])


@pytest.fixture
def browser(admin, signed_in):
    return signed_in(admin)


@pytest.fixture
def crowd(app):
    return [
        factories.make_user(last_name=f"Number{number:03}") for number in range(2 * PER_PAGE + 7)
    ]


def names(page):
    return re.findall(r'<a [^>]*href="/admin/user/\d+[^>]*>([^<]+)</a>', page.text)


def link(page, rel):
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.text)
    return found and found[1].replace("&amp;", "&")


def test_users_are_listed_with_name_email_role_and_status(browser, make_user):
    make_user(email="ada@example.com", first_name="Ada", last_name="Lovelace")
    page = browser.get(LIST)
    assert page.status_code == 200
    for text in ("Ada Lovelace", "ada@example.com", "User", "Active"):
        assert text in page.text


def test_the_pages_hold_each_user_once_forwards_and_back(browser, crowd):
    forwards, page = [], browser.get(LIST)
    while True:
        forwards += names(page)
        if not (following := link(page, "next")):
            break
        page = browser.get(following)
    backwards = names(page)
    while preceding := link(page, "prev"):
        page = browser.get(preceding)
        backwards = names(page) + backwards
    assert forwards == backwards
    assert len(forwards) == len(set(forwards)) == len(crowd) + 1


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("cursor", ["nonsense", "WyIiXQ", "%00"])
def test_a_page_that_does_not_exist_is_the_first_with_a_notice(browser, name, cursor):
    page = browser.get(f"{LIST}?{name}={cursor}")
    assert page.status_code == 200
    assert "That page is not in this list, so the first one is shown." in page.text


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("hopper", ["grace@example.com"]),
        ("GRACE hop", ["grace@example.com"]),
        ("b", ["bob_%@example.com"]),
        ("_%", ["bob_%@example.com"]),
        ("grace builder", []),
    ],
)
def test_a_search_without_an_index_wants_every_word_somewhere(browser, make_user, search, found):
    make_user(email="grace@example.com", first_name="Grace", last_name="Hopper")
    make_user(email="bob_%@example.com", first_name="Bob", last_name="Builder")
    page = browser.get(LIST, query_string={"search": search})
    assert re.findall(r'class="person-sub">(\w+_?%?@example.com)', page.text) == found


def test_deleted_users_are_not_listed(browser, make_user):
    make_user(email="gone@example.com", deleted_at=now())
    assert "gone@example.com" not in browser.get(LIST).text
