"""Test that a user's change of name appears in the user's activity."""

import pytest

PATH = "/account/manage/change-name"


@pytest.fixture
def user(make_user):
    return make_user(first_name="Ada", last_name="Byron", email="ada@example.com")


@pytest.fixture
def browser(client, user):
    client.enter(user)
    return client


def rename(browser, first="Ada", last="Lovelace", **kwargs):
    return browser.submit(PATH, {"first_name": first, "last_name": last}, **kwargs)


def test_recent_activity_tells_of_it(browser):
    rename(browser)
    assert "Changed the name" in browser.get("/account/manage/activity").text
