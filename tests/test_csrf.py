"""Requests that another site causes a browser to send, and forms that are too old."""

import re

import pytest

from app.kit.mail.email_message import EmailMessage
from app.kit.web.csrf import unmask
from app.models import User
from tests.support import PASSWORD

LOGIN = "/account/login"
PERSON = {
    "first_name": 'Grace "<b>"',
    "last_name": "Hopper",
    "email": "grace@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
}


def post(client, headers=None, **data):
    token = client.csrf_token(LOGIN)
    return client.post(
        "/account/register", data={**PERSON, "csrf_token": token, **data}, headers=headers
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost@evil.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "localhost"},
        {"Origin": "http://[localhost"},
        {"Origin": "\xff"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "Same-Origin "},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_a_request_that_another_site_caused_is_refused_whatever_its_token(client, headers):
    """CS-1"""
    assert post(client, headers).status_code == 403
    assert User.by_email("grace@example.com") is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "null"},  # from a page with Referrer-Policy: no-referrer, over plain HTTP
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_request_of_our_own_pages_is_taken(client, headers):
    assert post(client, headers).status_code == 302
    assert User.by_email("grace@example.com")


@pytest.mark.parametrize("token", ["", "x", "AAAA", "é", "\0", "A" * 5000, "ww==", None])
def test_a_token_that_is_none_is_refused(client, token):
    """CS-1, IN-1"""
    client.get(LOGIN)
    data = {**PERSON, "csrf_token": token} if token is not None else PERSON
    assert client.post("/account/register", data=data).status_code == 400
    assert User.by_email("grace@example.com") is None


def test_a_token_of_another_browser_is_refused(client, app):
    """CS-1"""
    foreign = app.test_client().csrf_token(LOGIN)
    client.get(LOGIN)
    assert post(client, csrf_token=foreign).status_code == 400


def test_a_token_may_come_in_a_header_but_not_in_the_address(client):
    token = client.csrf_token(LOGIN)
    data = {**PERSON, "csrf_token": ""}
    path = f"/account/register?csrf_token={token}"
    assert client.post(path, data=data).status_code == 400
    assert client.post(path, data=data, headers={"X-CSRFToken": token}).status_code == 302


def test_a_token_is_masked_anew_each_time(client):
    """CS-4: the length of a compressed page does not reveal it."""
    one, other = client.csrf_token(LOGIN), client.csrf_token(LOGIN)
    assert one[:16] != other[:16]
    assert unmask(one) == unmask(other) is not None


# Forms that are too old


def stale(client, headers=None, path="/account/register", data=PERSON):
    return client.post(path, data={**data, "csrf_token": "old"}, headers=headers)


def test_a_stale_form_says_so_and_keeps_the_entered_values(client):
    """CS-3"""
    page = stale(client, {"Sec-Fetch-Site": "same-origin"})
    assert page.status_code == 400
    assert "too old" in page.text
    assert 'name="first_name" value="Grace &#34;&lt;b&gt;&#34;"' in page.text
    assert PASSWORD not in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_a_stale_form_can_be_sent_again_from_the_page_that_says_so(client):
    """CS-3"""
    data = {"email": "grace@example.com"}
    page = stale(client, {"Origin": "http://localhost"}, "/account/reset-password?x=1", data)
    action = re.search(r'action="([^"]+)"', page.text).group(1)
    assert action == "/account/reset-password?x=1"
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    assert client.post(action, data=fields).status_code == 302
    assert EmailMessage.query.count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "none", "Origin": "null"},
    ],
)
def test_nothing_can_be_sent_again_unless_it_is_known_to_come_from_here(client, headers):
    """CS-3: the page must not help another site to have its form confirmed."""
    page = stale(client, headers)
    assert page.status_code == 400
    assert "<form" not in page.text
    assert "Grace &#34;&lt;b&gt;&#34;" in page.text, "to copy"


def test_a_stale_form_from_elsewhere_shows_nothing_of_what_it_said(client):
    page = stale(client, {"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 403
    assert "Grace" not in page.text


def test_a_script_is_answered_in_json(client):
    answer = stale(client, {"Accept": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json) == {"error", "message", "request_id"}
