"""Limits on guesses at passwords, and how owners sign in while strangers guess."""

import hashlib

import pytest
import time_machine
from email_validator import EmailNotValidError
from sqlalchemy import select

from app.extensions import db
from app.kit import attempts, clean_up, guesses, passwords
from app.kit.passwords import OpenLane
from app.kit.passwords.hashing_lane import HashingBusy
from app.kit.user_input import normalised_email
from app.kit.web import origin
from app.models import AuditEvent, PasswordGuesses
from app.services import sign_in
from tests.support import PASSWORD, TOKEN, links, module_of, path_of

LOGIN = "/account/login"
RESET = "/account/reset-password"
NEW_PASSWORD = "another horse battery"


@pytest.fixture
def guess(app):
    """Return a function that guesses from an IP address, by default in a new browser.

    New browsers share the cookie and the token of one form, as those of a program that guesses.
    """
    cookie = app.config["SESSION_COOKIE_NAME"]
    form = []

    def open_form(browser):
        if not form:
            form[:] = [browser.csrf_token(LOGIN), browser.get_cookie(cookie).value]
        token, session = form
        browser.set_cookie(cookie, session)
        return token

    def send(email, address="192.0.2.1", password="wrong", browser=None, forwarded=None):  # noqa: S107
        if browser:
            token = browser.csrf_token(LOGIN)
        else:
            browser = app.test_client()
            token = open_form(browser)
        response = browser.post(
            LOGIN,
            data={"email": email, "password": password, "csrf_token": token},
            environ_overrides={"REMOTE_ADDR": forwarded or address},
        )
        return response.status_code

    return send


def count(limit, about):
    row = db.session.get(PasswordGuesses, attempts.key_of(limit, about))
    return (row.short_count, row.long_count) if row else (0, 0)


def test_spaces_before_an_address_do_not_escape_the_count(guess, make_user):
    """BF-1: guesses are counted under the normalised email."""
    email = make_user().email
    statuses = [guess(" " * 600 + email + " " * n) for n in range(12)]
    assert statuses == [200] * 10 + [429] * 2


@pytest.mark.parametrize(
    "spellings",
    [
        ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.Com"],
        [
            "ada@example.com",
            "\tada@example.com\n",
            "\u00a0ada@example.com",
            "ada@example.com\u3000",
        ],
        ["ada@example.com", "ada@ｅｘａｍｐｌｅ.com", "ada@example。com"],
        ["ada@xn--bcher-kva.example", "ada@bücher.example", "ada@BÜCHER.example"],
    ],
)
def test_every_spelling_that_signs_in_is_counted_as_one(app, guess, make_user, spellings):
    """BF-1: case, spaces, full-width letters and punycode do not matter."""
    user = make_user(email=spellings[0])
    for spelling in spellings:
        if guess(spelling, "203.0.113.1", PASSWORD) == 302:
            continue
        assert spelling != spellings[0], "the stored spelling signs in"
    db.session.query(PasswordGuesses).delete()
    statuses = [guess(spellings[n % len(spellings)]) for n in range(30)]
    assert statuses.count(200) - refused_as_no_address(spellings) <= 10
    assert count(guesses.PAIR, f"{user.email} 192.0.2.1")[0] == 10


def refused_as_no_address(spellings):
    """Return how many of thirty guesses the form refuses before it checks a password."""
    refused = 0
    for n in range(30):
        try:
            normalised_email(spellings[n % len(spellings)])
        except EmailNotValidError:
            refused += 1
    return refused


def test_the_addresses_of_an_ipv6_network_are_counted_as_one(guess):
    """BF-3: a customer has 2**64 addresses."""
    statuses = [guess(f"u{n}@example.com", f"2001:db8:1:2::{n:x}") for n in range(32)]
    assert statuses == [200] * 30 + [429] * 2


def test_the_networks_of_an_ipv6_site_are_counted_together_more_loosely(guess):
    """BF-3: a /48 has 65,536 networks."""
    limit = guesses.SITE.soon
    statuses = [guess(f"u{n}@example.com", f"2001:db8:1:{n:x}::1") for n in range(limit + 2)]
    assert statuses == [200] * limit + [429] * 2


@pytest.mark.parametrize(
    ("written", "counted"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("203.0.113.7:", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:0001:2::", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("[fe80::1%25eth0]:1", "fe80::/64"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("unknown", "unknown"),
        ("", ""),
        ("[", "["),
        ("1:2", "1:2"),
        ("x" * 4000, "x" * 45),
    ],
)
def test_an_address_has_one_spelling_for_limits(written, counted):
    """BF-3"""
    assert origin.network(written) == counted


def test_a_port_in_what_a_proxy_says_is_no_other_visitor(production, make_user):
    """BF-3: Azure sends a port, and each connection has another one."""
    statuses = []
    app = production(TRUSTED_PROXIES="1", SSL_DISABLE="True", APP_URL="http://app.example.com")
    with app.app_context():
        db.create_all()
    client = app.test_client()
    base = {"base_url": "http://app.example.com"}
    token = TOKEN.search(client.get(LOGIN, **base).text).group(1)
    for port in range(32):
        response = client.post(
            LOGIN,
            data={"email": f"u{port}@example.com", "password": "x", "csrf_token": token},
            headers={"X-Forwarded-For": f"203.0.113.7:{4000 + port}"},
            **base,
        )
        statuses.append(response.status_code)
    assert statuses == [200] * 30 + [429] * 2


def test_the_trail_and_the_devices_show_an_address_without_its_port(guess, make_user):
    user = make_user()
    assert guess(user.email, "203.0.113.7:4711", PASSWORD) == 302
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event.address == "203.0.113.7"


# Guesses of strangers


def test_a_stranger_at_one_address_shuts_nobody_out(guess, make_user):
    """BF-1: strangers can guess for as long as they like, and administrators are safe too."""
    user = make_user()
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        for _ in range(12):
            for _ in range(11):
                guess(user.email, "198.51.100.1")
            assert guess(user.email, "192.0.2.1") == 200, "a slip of the owner's"
            assert guess(user.email, "192.0.2.1", PASSWORD) == 302
            clock.shift(15 * 60)


def shut_out(guess, user):
    """Use up the limit of unknown browsers, from many networks."""
    for n in range(12):
        guess(user.email, f"198.51.100.{n}")
    assert guess(user.email, "203.0.113.9", PASSWORD) == 429


def test_a_browser_that_was_signed_in_before_gets_in_while_strangers_guess(app, guess, make_user):
    """BF-1: OWASP, device cookies."""
    user = make_user()
    browser = app.test_client()
    browser.sign_in(user.email)
    browser.submit("/account/logout", form_at="/account/manage")
    shut_out(guess, user)
    assert guess(user.email, "203.0.113.9", "a slip", browser) == 200
    assert guess(user.email, "203.0.113.9", PASSWORD, browser) == 302


def test_a_new_password_by_mail_gets_its_owner_in_while_strangers_guess(
    app, guess, make_user, outbox
):
    """BF-1"""
    user = make_user()
    shut_out(guess, user)
    browser = app.test_client()
    browser.submit(RESET, {"email": user.email})
    link = path_of(links(outbox.last_text())[0])
    browser.submit(link, {"new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    shut_out_again = [guess(user.email, f"198.51.100.{n}") for n in range(12, 24)]
    assert 429 in shut_out_again
    assert guess(user.email, "203.0.113.9", NEW_PASSWORD, browser) == 302


def test_a_refused_browser_is_told_how_the_owner_gets_in(app, make_user):
    user = make_user()
    browser = app.test_client()
    for _ in range(10):
        browser.submit(LOGIN, {"email": user.email, "password": "wrong"})
    page = browser.submit(LOGIN, {"email": user.email, "password": "wrong"})
    assert page.status_code == 429
    assert "a browser in which you have signed in before" in page.text
    assert f'href="{RESET}"' in page.text


def test_a_known_browser_has_ten_guesses_too(app, guess, make_user):
    """BF-1: a mark does not bypass the limits."""
    user = make_user()
    browser = app.test_client()
    browser.sign_in(user.email)
    browser.submit("/account/logout", form_at="/account/manage")
    statuses = [guess(user.email, f"192.0.2.{n}", browser=browser) for n in range(12)]
    assert statuses == [200] * 10 + [429] * 2


def marked(app, user):
    browser = app.test_client()
    browser.sign_in(user.email)
    mark = browser.get_cookie(app.config["KNOWN_BROWSER_COOKIE_NAME"]).value
    browser.submit("/account/logout", form_at="/account/manage")
    return mark


def test_a_mark_is_good_for_its_own_account_and_password_only(app, make_user):
    """TK-3"""
    ada, bob = make_user(email="ada@example.com"), make_user(email="bob@example.com")
    mark = marked(app, ada)
    with app.test_request_context():
        assert sign_in.knows_browser(ada.email, mark)
        assert not sign_in.knows_browser(bob.email, mark)
        assert not sign_in.knows_browser("nobody@example.com", mark)
        for broken in (mark[:-2], "x" + mark, "x" * 9000, "~~~", "é", f"x~y~z~{mark}", "\x00"):
            assert not sign_in.knows_browser(ada.email, broken), broken
        assert sign_in.knows_browser(ada.email, f"x~{mark}")
        db.session.commit()
        ada.password = NEW_PASSWORD
        db.session.commit()
        assert not sign_in.knows_browser(ada.email, mark)


def test_a_mark_runs_out(app, make_user):
    user = make_user()
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        mark = marked(app, user)
        clock.shift(guesses.MARK_DAYS * 24 * 60 * 60)
        with app.test_request_context():
            assert not sign_in.knows_browser(user.email, mark)


def test_a_browser_that_two_people_use_knows_both(app, make_user):
    ada, bob = make_user(), make_user()
    browser = app.test_client()
    for user in (ada, bob, ada):
        browser.sign_in(user.email)
        browser.submit("/account/logout", form_at="/account/manage")
    marks = browser.get_cookie(app.config["KNOWN_BROWSER_COOKIE_NAME"]).value
    assert len(marks.split("~")) == 2
    with app.test_request_context():
        assert sign_in.knows_browser(ada.email, marks)
        assert sign_in.knows_browser(bob.email, marks)


def test_a_changed_password_leaves_the_browser_known(app, make_user):
    user = make_user()
    browser = app.test_client()
    browser.sign_in(user.email)
    fields = {"new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    browser.submit("/account/manage/change-password", {"old_password": PASSWORD, **fields})
    db.session.expire_all()
    with app.test_request_context():
        assert sign_in.knows_browser(
            user.email, browser.get_cookie(app.config["KNOWN_BROWSER_COOKIE_NAME"]).value
        )


# Limits in all


def test_an_account_has_at_most_a_hundred_failures_in_a_month(guess, make_user, app):
    """BF-1, NIST SP 800-63B-4, section 3.2.2: strangers and a stolen session share the limit."""
    user = make_user()
    thief = app.test_client()
    thief.enter(user)
    looked_at = 0
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        thief.enter(user)
        sent = {"password": "wrong", "csrf_token": thief.csrf_token("/account/manage")}
        # Each time eleven passwords or more are looked at, unless the month allows no more.
        for day in range(12):
            for network in range(4):
                for _ in range(3):
                    looked_at += guess(user.email, f"198.51.100.{day * 4 + network}") == 200
            for _ in range(6):
                looked_at += thief.post("/account/reauthenticate", data=sent).status_code == 200
            clock.shift(6 * 60 * 60)
    assert looked_at <= 100
    refused = db.session.scalars(select(AuditEvent.action)).all()
    assert refused.count("session.refused") <= 60


def test_signing_in_begins_the_count_anew(guess, make_user):
    """NIST SP 800-63B-4, section 3.2.2: failures before a success are disregarded."""
    user = make_user()
    for n in range(8):
        guess(user.email, f"198.51.100.{n}")
    assert count(guesses.ACCOUNT, user.email) == (8, 8)
    assert guess(user.email, "192.0.2.1", PASSWORD) == 302
    assert count(guesses.ACCOUNT, user.email) == (0, 0)
    assert count(guesses.NETWORK, "192.0.2.1") == (0, 0), "a success does not count"


def test_all_pages_that_ask_for_the_password_count_as_one(make_user, app):
    """BF-1: a stolen session has ten guesses in a quarter of an hour, not ten on each page."""
    browser = app.test_client()
    browser.enter(make_user())
    new = {"new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    pages = {
        "/account/reauthenticate": {"password": "x"},
        "/account/manage/change-password": {"old_password": "x", **new},
        "/account/manage/change-email": {"email": "new@example.com", "password": "x"},
    }
    if module_of("deletion"):
        pages["/account/manage/delete"] = {"password": "x"}
    statuses = []
    for _ in range(4):
        for path, data in pages.items():
            token = browser.csrf_token("/account/manage")
            sent = browser.post(path, data={**data, "csrf_token": token})
            statuses.append(sent.status_code)
    assert statuses == [200] * 10 + [429] * (4 * len(pages) - 10)


def test_a_guess_on_the_page_that_confirms_an_account_counts_with_the_others(app, make_user):
    """BF-1: other browsers than the one that registered must give the password."""
    user = make_user(confirmed=False)
    page = f"/account/confirm-account/{user.generate_confirmation_token()}"
    browser = app.test_client()
    token = browser.csrf_token(LOGIN)

    def confirm(password, **fields):
        sent = {"password": password, "csrf_token": token, **fields}
        return browser.post(page, data=sent).status_code

    assert [confirm("wrong") for _ in range(12)] == [200] * 10 + [429] * 2
    assert count(guesses.KNOWN, user.email) == (10, 10)
    assert confirm(PASSWORD) == 429
    db.session.expire_all()
    assert not user.confirmed
    assert confirm("", choose_password="y") == 302, "the way without a guess stays open"


def test_the_right_password_confirms_an_account_and_begins_the_count_anew(app, make_user):
    user = make_user(confirmed=False)
    page = f"/account/confirm-account/{user.generate_confirmation_token()}"
    browser = app.test_client()
    for password, status in (("wrong", 200), (PASSWORD, 302)):
        sent = {"password": password, "csrf_token": browser.csrf_token(LOGIN)}
        assert browser.post(page, data=sent).status_code == status
    db.session.expire_all()
    assert user.confirmed
    assert count(guesses.KNOWN, user.email) == (0, 0)


@pytest.mark.parametrize("spelling", ["{}.", "{}\x00", "\x00{}", "{}\x00x"])
def test_a_dot_or_a_nul_beside_an_address_gives_no_more_guesses(guess, make_user, spelling):
    """BF-1"""
    email = make_user(email="ada@example.com").email
    statuses = [guess(spelling.format(email), password=PASSWORD) for _ in range(3)]
    assert set(statuses) <= {200}, "it does not sign in"
    assert [guess(email) for _ in range(11)] == [200] * 10 + [429]


def test_the_counters_name_nobody(guess, make_user):
    guess(make_user(email="ada@example.com").email)
    keys = db.session.scalars(select(PasswordGuesses.key)).all()
    assert len(keys) == 3
    unkeyed = [
        hashlib.sha256(text.encode()).hexdigest() for text in ("ada@example.com", "192.0.2.1")
    ]
    assert not set(keys) & set(unkeyed)
    assert not any("@" in key or "." in key for key in keys)


def test_counters_that_are_over_are_cleaned_up(guess, make_user):
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        guess(make_user().email)
        assert clean_up.run()["guesses"] == 0
        clock.shift(31 * 24 * 60 * 60)
        assert clean_up.run()["guesses"] == 3


def test_a_new_password_that_is_too_weak_costs_no_guess_at_the_present_one(client, make_user):
    """The guess is right: ten weak new passwords used to lock the user out."""
    user = make_user()
    client.enter(user)
    fields = {"old_password": PASSWORD, "new_password": "aaaa", "new_password2": "aaaa"}
    for _ in range(guesses.KNOWN.soon + 1):
        assert client.submit("/account/manage/change-password", fields).status_code == 200
    assert count(guesses.KNOWN, user.email) == (0, 0)


def test_asking_for_ones_own_address_costs_no_guess(client, make_user):
    user = make_user()
    client.enter(user)
    client.submit("/account/manage/change-email", {"email": user.email, "password": PASSWORD})
    assert count(guesses.KNOWN, user.email) == (0, 0)


def test_a_guess_that_cannot_be_checked_is_not_counted(app, guess, make_user, monkeypatch):
    """The lane of hashes is full, so the owner gets 503, and gets in once it is not."""
    email = make_user().email

    class BusyLane(OpenLane):
        def slot(self):
            raise HashingBusy

    monkeypatch.setattr(passwords, "lane", BusyLane())
    assert [guess(email, password=PASSWORD) for _ in range(12)] == [503] * 12
    for limit, about in ((guesses.ACCOUNT, email), (guesses.NETWORK, "192.0.2.1")):
        assert count(limit, about) == (0, 0)
    monkeypatch.undo()
    assert guess(email, password=PASSWORD) == 302
