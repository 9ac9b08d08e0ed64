"""Pages send no more queries than they need to the database and to the rate limiter."""

import pytest
from itsdangerous import URLSafeTimedSerializer
from markupsafe import Markup
from wtforms.widgets.core import html_params as html_params_of_wtforms

from app.extensions import is_sqlite, limiter
from app.kit.web.forms.attributes import html_params

PAGES_FOR_ANYONE = ["/", "/account/login", "/account/register", "/account/reset-password"]


@pytest.mark.parametrize("path", PAGES_FOR_ANYONE)
def test_a_page_for_anyone_asks_nothing_of_the_database(client, statements, path):
    assert client.get(path).status_code == 200

    assert statements == []


def test_session_user_and_role_are_loaded_in_one_query(make_user, signed_in, statements):
    browser = signed_in(make_user())
    statements.clear()

    assert browser.get("/").status_code == 200

    assert len(statements) == 1
    assert {"user_sessions", "users", "roles"} <= set(statements[0].replace(".", " ").split())


def test_account_pages_need_no_more_than_that(make_user, signed_in, statements):
    browser = signed_in(make_user())
    statements.clear()

    browser.get("/account/manage")

    assert len(statements) == 1


def test_the_list_of_users_takes_as_many_queries_for_many_as_for_one(
    admin, make_user, signed_in, statements
):
    browser = signed_in(admin)
    make_user()
    counts = []
    for _ in range(2):
        statements.clear()
        assert browser.get("/admin/users").status_code == 200
        counts.append(len(statements))
        for _ in range(20):
            make_user()

    # The user, the page, the roles, the saved views, the pictures, and the number of users.
    # PostgreSQL estimates that number first, because it counts a large table slowly.
    assert counts[0] == counts[1] <= (7 if is_sqlite() else 8)


def test_opening_a_form_asks_nothing_of_the_rate_limiter(client, monkeypatch):
    asked = []
    monkeypatch.setattr(limiter.limiter, "hit", lambda *args, **_: asked.append(args) or True)
    monkeypatch.setattr(limiter.limiter, "test", lambda *args, **_: asked.append(args) or True)

    client.get("/account/login")
    assert asked == []

    client.submit("/account/login", {"email": "nobody@example.com", "password": "wrong"})
    assert asked


def test_a_page_with_several_csrf_tokens_signs_nothing(make_user, signed_in, monkeypatch):
    browser = signed_in(make_user())
    browser.get("/")  # stores the token in the session, which is signed as a whole
    signed = []
    sign = URLSafeTimedSerializer.dumps

    def dumps(self, content, *args):
        signed.append(content)
        return sign(self, content, *args)

    monkeypatch.setattr(URLSafeTimedSerializer, "dumps", dumps)

    page = browser.get("/account/manage/change-password").text

    assert page.count('name="csrf_token"') > 1
    assert signed == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"class_": "form-control", "for_": "a", "id": "b"},
        {"required": True, "disabled": False, "maxlength": 64},
        {"data_some_name": "1", "aria_describedby": "x"},
        {"value": "<\"quoted\"> & 'typed'"},
        {"value": Markup('&amp; already "escaped"')},
    ],
)
def test_attributes_are_written_as_wtforms_writes_them(attributes):
    assert html_params(**attributes) == str(html_params_of_wtforms(**attributes))
