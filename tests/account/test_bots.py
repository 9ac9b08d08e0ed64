"""The form to register recognises programs, and does not stand in the way of users."""

import html
import re

import pytest

from app.kit import tokens
from app.kit.database import now
from app.kit.web.forms import bots
from app.models import User
from tests.account.test_register import PERSON
from tests.support import Tags

OPENED = re.compile(r'name="opened"[^>]*value="([^"]+)"')
PATH = "/account/register"


@pytest.fixture
def slow(app, monkeypatch):
    """Refuse every form that was opened less than a minute ago, which no test waits for."""
    monkeypatch.setitem(app.config, "FORM_MIN_SECONDS", 60)


def opened(seconds_ago, *, lifetime=bots.DAY, purpose=bots.PURPOSE):
    claim = str(now().timestamp() - seconds_ago)
    return tokens.make(purpose, 0, "", expires_in=lifetime, claim=claim)


def send(browser, **fields):
    return browser.submit(PATH, PERSON | fields)


def exists():
    return User.by_email(PERSON["email"]) is not None


def test_a_form_that_is_sent_at_once_is_refused_with_a_sentence(client, slow):
    token = OPENED.search(client.get(PATH).text).group(1)
    page = send(client, opened=html.unescape(token))
    assert page.status_code == 200
    assert bots.TOO_FAST in page.text
    assert not exists()


def test_the_form_keeps_its_time_so_that_it_can_be_sent_again(client, slow):
    first = opened(30)
    page = send(client, opened=first)
    assert html.unescape(OPENED.search(page.text).group(1)) == first


@pytest.mark.parametrize("seconds", [61, 3600, bots.DAY - 60])
def test_a_page_that_waited_is_sent(client, slow, seconds):
    """A page from a cache or by the back button is an old one, perhaps of another browser."""
    assert send(client, opened=opened(seconds)).status_code == 302
    assert exists()


def test_one_page_may_be_sent_twice(client, app, slow):
    page = opened(100)
    assert send(client, opened=page, email="one@example.com").status_code == 302
    other = app.test_client()
    assert send(other, opened=page, email="two@example.com").status_code == 302


BAD = {
    "missing": lambda: None,
    "empty": lambda: "",
    "invented": lambda: "1700000000",
    "forged": lambda: opened(100)[:-2] + "xx",
    "of another purpose": lambda: opened(100, purpose="confirm"),
    "too old": lambda: opened(2 * bots.DAY, lifetime=-1),
    "from the future": lambda: opened(-3600),
    "huge": lambda: "x" * 100_000,
    "not ASCII": lambda: "é\ud83d.\x00",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_time_gets_a_new_one_and_the_same_sentence(client, slow, kind):
    data = {name: value for name, value in {"opened": BAD[kind]()}.items() if value is not None}
    data = {name: value.encode("utf-8", "replace") for name, value in data.items()}
    page = send(client, **data)
    assert bots.TOO_FAST in page.text
    assert tokens.read(bots.PURPOSE, html.unescape(OPENED.search(page.text).group(1)))
    assert not exists()


def test_other_mistakes_are_reported_without_the_time(client, slow):
    page = send(client, email="not an address")
    assert "Enter an address like" in page.text
    assert bots.TOO_FAST not in page.text


def test_nothing_is_asked_without_a_minimum(client):
    assert send(client).status_code == 302


def test_a_program_gets_the_answer_of_a_user_and_no_account(client, app, outbox, caplog):
    caplog.set_level("INFO", logger=bots.__name__)
    program = send(client, subject="Cheap watches")
    assert not exists()
    assert outbox.deliver() == []
    user = send(app.test_client())
    assert exists()
    assert (program.status_code, program.location) == (user.status_code, user.location)
    assert [*program.headers.keys()] == [*user.headers.keys()]
    assert "a program sent RegistrationForm" in caplog.text
    assert "watches" not in caplog.text


def test_a_program_sees_mistakes_as_users_do(client):
    page = send(client, subject="x", password="passwordpassword", password2="passwordpassword")
    assert "too easy" in page.text


def test_the_hidden_field_is_out_of_the_way_of_users(client):
    page = client.get(PATH).text
    field = next(
        attributes for _, attributes in Tags(page).found if attributes.get("name") == "subject"
    )
    assert field["tabindex"] == "-1"
    assert field["autocomplete"] == "off"
    assert re.search(r'<div class="visually-hidden" aria-hidden="true"><label>[^<]+<input', page)
    assert page.count('name="subject"') == 1


def test_a_field_that_a_bot_filled_in_is_escaped(client):
    page = send(client, subject='"><script>alert(1)</script>', email="wrong").text
    assert "<script>alert" not in page
