"""Sign in and out."""

import pytest
import time_machine
from sqlalchemy import text
from werkzeug.security import generate_password_hash

from app.extensions import db
from app.kit import passwords
from app.kit.passwords import older_hashes
from app.models import User, UserSession
from tests.support import PASSWORD, REAL_HASHER, TOKEN

LOGIN = "/account/login"


def attempt(client, email, password="wrong"):  # noqa: S107
    return client.submit(LOGIN, {"email": email, "password": password})


def stripped(response):
    return TOKEN.sub("", response.text)


def test_every_refusal_looks_the_same(app, make_user):
    """EN-1"""
    known = make_user()
    emails = [
        known.email,
        "nobody@example.com",
        make_user(suspended=True).email,
        make_user(invited=True).email,
        make_user(confirmed=False).email,
    ]
    answers = []
    for email in emails:
        client = app.test_client()
        response = attempt(client, email)
        text = stripped(response).replace(email, "")
        import re

        text = re.sub(r'nonce="[^"]+"|csrf[^>]+', "", text)
        answers.append((response.status_code, text))
    assert len(set(answers)) == 1


def test_the_right_password_of_a_suspended_account_is_refused_alike(app, make_user):
    user = make_user(suspended=True)
    response = attempt(app.test_client(), user.email, PASSWORD)
    assert "email or the password is wrong" in response.text


@pytest.mark.parametrize("kind", ["known", "unknown", "invited", "suspended"])
def test_every_refusal_hashes_once(client, make_user, monkeypatch, kind):
    """EN-2"""
    email = {
        "known": lambda: make_user().email,
        "unknown": lambda: "nobody@example.com",
        "invited": lambda: make_user(invited=True).email,
        "suspended": lambda: make_user(suspended=True).email,
    }[kind]()
    calls = []
    verify = passwords.hasher.verify

    class Counting:
        def verify(self, *args):
            calls.append(args)
            return verify(*args)

    monkeypatch.setattr(passwords, "hasher", Counting())
    attempt(client, email)
    assert len(calls) == 1


SCRYPT = "scrypt:1024:8:1"
PBKDF2 = "pbkdf2:sha256:50000"  # a hash of Werkzeug 0.12
SHA1 = "pbkdf2:sha1:1000"
EVERYBODY = ["argon2", "unknown", "invited", SCRYPT, PBKDF2]


@pytest.fixture
def work(monkeypatch):
    """Record the hash functions that are called: "argon2", or a method of Werkzeug."""
    done = []
    verify, check = passwords.hasher.verify, passwords.check_password_hash

    class Counting:
        def __getattr__(self, name):
            return getattr(type(self).hasher, name)

        hasher = passwords.hasher

        def verify(self, *args):
            done.append("argon2")
            return verify(*args)

    def counting_check(hashed, attempt):
        done.append(hashed.partition("$")[0])
        return check(hashed, attempt)

    monkeypatch.setattr(passwords, "hasher", Counting())
    monkeypatch.setattr(passwords, "check_password_hash", counting_check)
    return done


def make_older(make_user, method):
    user = make_user()
    user.password_hash = generate_password_hash(PASSWORD, method)
    db.session.commit()
    return user


@pytest.mark.parametrize("kind", EVERYBODY)
def test_a_refusal_costs_the_same_work_where_older_hashes_are_left(client, make_user, work, kind):
    """EN-2: one argon2 hash, and one hash of each older method in the database."""
    emails = {
        "argon2": make_user().email,
        "unknown": "nobody@example.com",
        "invited": make_user(invited=True).email,
        SCRYPT: make_older(make_user, SCRYPT).email,
        PBKDF2: make_older(make_user, PBKDF2).email,
    }
    make_older(make_user, SCRYPT)
    attempt(client, emails[kind])
    assert sorted(work) == ["argon2", PBKDF2, SCRYPT]


def test_the_last_older_hash_that_is_made_anew_ends_the_work_for_it(app, make_user, work):
    """EN-2: a database without such hashes has no extra work."""
    older = make_older(make_user, SHA1).email
    app.test_client().sign_in(older)
    assert sorted(work) == ["argon2", SHA1]
    work.clear()
    attempt(app.test_client(), older)
    attempt(app.test_client(), "nobody@example.com")
    assert work == ["argon2", "argon2"]


@pytest.mark.parametrize(
    "broken", ["", "x", "$", "$$$", "a$b", "scrypt$", "plain$$x", "scrypt:1:1:1$s$00", "é$ü$ñ"]
)
def test_a_broken_hash_opens_nothing_and_breaks_no_sign_in(app, make_user, broken):
    """EN-2, PW-6: neither to its own account nor to another."""
    user, other = make_user(), make_user()
    user.password_hash = broken
    db.session.commit()
    assert "password is wrong" in attempt(app.test_client(), user.email, "x").text
    assert attempt(app.test_client(), other.email, PASSWORD).status_code == 302


def test_older_methods_are_found_in_an_index(app, make_user):
    """EN-2: every sign-in runs this query, even with a million users."""
    for method in (SCRYPT, PBKDF2, SHA1, SCRYPT):
        make_older(make_user, method)
    make_user()
    assert sorted(User.older_methods()) == [SHA1, PBKDF2, SCRYPT]
    if db.engine.dialect.name == "sqlite":
        explain = "EXPLAIN QUERY PLAN "
    else:
        db.session.execute(text("SET LOCAL enable_seqscan TO off"))
        db.session.execute(text("SET LOCAL enable_sort TO off"))
        explain = "EXPLAIN "
    plan = db.session.execute(
        text(explain + older_hashes.next_method("users").text), {"last": ""}
    ).all()
    assert "ix_users_older_method" in str(plan)
    assert "Sort" not in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_an_address_is_compared_without_case_and_spaces(client, make_user):
    make_user(email="ada@example.com")
    client.sign_in("  ADA@Example.com ")
    assert client.is_signed_in()


def test_signing_in_makes_a_new_session(app, make_user):
    """SE-1: neither the earlier cookie nor the earlier token works afterwards."""
    client = app.test_client()
    old_token = client.csrf_token(LOGIN)
    old_cookie = client.get_cookie("session").value
    client.sign_in(make_user().email)
    assert client.post("/account/logout", data={"csrf_token": old_token}).status_code == 400
    replayed = app.test_client()
    replayed.set_cookie("session", old_cookie)
    assert not replayed.is_signed_in()


def test_signing_out_ends_the_session_on_the_server(app, make_user):
    """SE-2"""
    client = app.test_client()
    client.sign_in(make_user().email, remember_me="y")
    session, remember = client.get_cookie("session"), client.get_cookie("remember_token")
    client.submit("/account/logout", form_at="/account/manage")
    replayed = app.test_client()
    replayed.set_cookie("session", session.value)
    assert not replayed.is_signed_in()
    replayed = app.test_client()
    replayed.set_cookie("remember_token", remember.value)
    assert not replayed.is_signed_in()


def test_logout_by_get_is_refused(client, make_user):
    client.sign_in(make_user().email)
    assert client.get("/account/logout").status_code == 405
    assert client.is_signed_in()


def test_a_remembered_browser_stays_signed_in_without_its_session_cookie(client, make_user):
    client.sign_in(make_user().email, remember_me="y")
    client.delete_cookie("session")
    assert client.is_signed_in()


def test_cookies_are_out_of_reach_of_scripts(client, make_user):
    response = client.sign_in(make_user().email, remember_me="y")
    for cookie in response.headers.getlist("Set-Cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie


def test_the_database_holds_no_token_of_a_session(client, make_user):
    client.sign_in(make_user().email)
    with client.session_transaction() as session:
        token = session["_user_id"]
    row = db.session.query(UserSession).one()
    assert token not in (row.token_hash, row.device, row.address)
    assert row.token_hash == UserSession.hash_token(token)


@pytest.mark.parametrize(
    ("remember", "hours", "stays"),
    [({}, 11, True), ({}, 13, False), ({"remember_me": "y"}, 13, True)],
)
def test_a_session_that_is_not_used_runs_out(client, make_user, remember, hours, stays):
    """SE-5"""
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        client.sign_in(make_user().email, **remember)
        clock.shift(hours * 3600)
        assert client.is_signed_in() is stays


@pytest.mark.parametrize(("remember", "days"), [({}, 7), ({"remember_me": "y"}, 30)])
def test_a_session_ends_however_much_it_is_used(client, make_user, remember, days):
    """SE-5"""
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        client.sign_in(make_user().email, **remember)
        for _ in range(days * 4 - 1):
            clock.shift(6 * 3600)
            assert client.is_signed_in()
        clock.shift(6 * 3600)
        assert not client.is_signed_in()


def test_a_deleted_users_session_opens_nobody_elses_account(app, make_user):
    """SE-4: ids are never used again."""
    user = make_user()
    old_id = user.id
    client = app.test_client()
    client.sign_in(user.email)
    db.session.delete(user)
    db.session.commit()
    assert make_user().id > old_id
    assert not client.is_signed_in()


def test_an_older_hash_is_made_anew_at_sign_in(client, make_user, monkeypatch):
    """PW-6"""
    monkeypatch.setattr(passwords, "hasher", REAL_HASHER)
    user = make_user()
    user.password_hash = generate_password_hash(PASSWORD, "scrypt:32768:8:1")
    db.session.commit()
    attempt(client, user.email)
    assert user.password_hash.startswith("scrypt")
    client.sign_in(user.email)
    assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1")


@pytest.mark.parametrize("broken", ["", "nonsense", "$argon2id$nonsense", "scrypt:x:y:z$a$b"])
def test_a_hash_that_cannot_be_read_lets_nobody_in(client, make_user, broken):
    """PW-6"""
    user = make_user()
    user.password_hash = broken
    db.session.commit()
    assert "wrong" in attempt(client, user.email, PASSWORD).text


def test_the_whole_password_counts(client, make_user):
    """PW-2"""
    long = "correct horse battery " * 5 + "staple and more"[:18]
    user = make_user()
    user.password = long
    db.session.commit()
    assert "wrong" in attempt(client, user.email, long[:-1]).text
    assert "wrong" in attempt(client, user.email, long[:72]).text
    client.sign_in(user.email, long)


def test_a_password_is_the_same_in_every_unicode_form(client, make_user):
    """PW-3"""
    user = make_user()
    user.password = "  correct 🐴 ﬁ e\u0301 "
    db.session.commit()
    assert "wrong" in attempt(client, user.email, "correct 🐴 ﬁ é").text
    client.sign_in(user.email, "  correct 🐴 fi é ")


def test_guesses_at_one_account_are_counted_across_addresses(app, make_user):
    """BF-1"""
    email = make_user().email
    statuses = []
    for number in range(12):
        client = app.test_client()
        token = client.csrf_token(LOGIN)
        statuses.append(
            client.post(
                LOGIN,
                data={"email": email.upper(), "password": "x", "csrf_token": token},
                environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
            ).status_code
        )
    assert statuses == [200] * 10 + [429] * 2


def test_the_owner_gets_in_again_after_the_window(client, make_user):
    """BF-1"""
    user = make_user()
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        for _ in range(11):
            attempt(client, user.email)
        assert attempt(client, user.email, PASSWORD).status_code == 429
        clock.shift(16 * 60)
        client.sign_in(user.email)


def test_a_forged_address_does_not_escape_the_count(client, make_user):
    """BF-3"""
    statuses = set()
    for number in range(32):
        token = client.csrf_token(LOGIN)
        response = client.post(
            LOGIN,
            data={"email": f"a{number}@example.com", "password": "x", "csrf_token": token},
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        )
        statuses.add(response.status_code)
    assert 429 in statuses


def test_a_success_does_not_count_against_the_account(client, make_user):
    user = make_user()
    for _ in range(12):
        client.sign_in(user.email)
        client.submit("/account/logout", form_at="/account/manage")
    assert User.by_email(user.email)


EVIL = [
    "//evil.com", "///evil.com", "/\\evil.com", "\\\\evil.com", "https://evil.com",
    "https:evil.com", "http:/evil.com", "/\t/evil.com", "/\n/evil.com", "/\r/evil.com",
    "\t//evil.com", " //evil.com", "javascript:alert(1)", "data:text/html,x",
    "//user@evil.com", "evil.com", "／／evil.com", "/%09/evil.com\\", "", "?next=x",
    "//evil.com/%2f..", "/\x00/evil.com", "///\\evil.com",
]  # fmt: skip


@pytest.mark.parametrize("wanted", EVIL)
def test_nobody_is_sent_to_another_site(client, make_user, wanted):
    """RE-1"""
    user = make_user()
    response = client.submit(
        LOGIN,
        {"email": user.email, "password": PASSWORD},
        query_string={"next": wanted},
    )
    assert response.status_code == 302
    assert response.location == "/account/"


@pytest.mark.parametrize("wanted", ["/", "/admin/users?search=x&page=2", "/a%20b#c"])
def test_a_local_path_is_followed(client, make_user, wanted):
    user = make_user()
    response = client.submit(
        LOGIN, {"email": user.email, "password": PASSWORD}, query_string={"next": wanted}
    )
    assert response.location == wanted


def test_people_begin_at_the_home_of_their_role(client, admin):
    response = client.submit(LOGIN, {"email": admin.email, "password": PASSWORD})
    assert response.location == "/admin/"


def test_members_begin_on_a_page_of_their_own(client, make_user):
    user = make_user(first_name="Grace")
    page = client.submit(LOGIN, {"email": user.email, "password": PASSWORD}, follow_redirects=True)
    assert page.request.path == "/account/"
    assert "Welcome, Grace" in page.text
    assert "Your app begins here" in page.text


def test_another_spelling_of_the_domain_does_not_escape_the_count(app, make_user):
    """BF-1: full-width letters, capitals and spaces stand for the same account."""
    make_user(email="ada@example.com")
    spellings = ["example", "EXAMPLE", "ｅxample", "eｘample", "exａmple", "examｐle"] * 2
    statuses = []
    for number, spelling in enumerate(spellings):
        client = app.test_client()
        token = client.csrf_token(LOGIN)
        statuses.append(
            client.post(
                LOGIN,
                data={"email": f" ada@{spelling}.com", "password": "x", "csrf_token": token},
                environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
            ).status_code
        )
    assert statuses == [200] * 10 + [429] * 2


def test_misspelt_addresses_do_not_count_against_other_visitors(app):
    """BF-1"""
    statuses = []
    for number in range(12):
        client = app.test_client()
        token = client.csrf_token(LOGIN)
        statuses.append(
            client.post(
                LOGIN,
                data={"email": "ada@", "password": "x", "csrf_token": token},
                environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
            ).status_code
        )
    assert set(statuses) == {200}


def test_a_form_of_a_tab_from_before_the_sign_in_leads_on(client, make_user):
    """The user signed in meanwhile in another tab, so there is no error and no second sign-in."""
    user = make_user()
    old = client.csrf_token(LOGIN)
    client.sign_in(user.email)
    data = {"email": user.email, "password": PASSWORD, "csrf_token": old}
    here = {"Sec-Fetch-Site": "same-origin"}
    answer = client.post(LOGIN, data=data, query_string={"next": "/"}, headers=here)
    assert (answer.status_code, answer.location) == (303, "/")
    evil = client.post(LOGIN, data=data, query_string={"next": "//evil.com"}, headers=here)
    assert evil.location == "/"
    assert db.session.query(UserSession).count() == 1


def test_a_tab_that_the_browser_restored_leads_on(client, make_user):
    """The session cookie is gone with the browser, and the remember-me cookie signs the user in."""
    user = make_user()
    client.sign_in(user.email, remember_me="y")
    client.delete_cookie(client.application.config["SESSION_COOKIE_NAME"])
    data = {"email": user.email, "password": PASSWORD}
    answer = client.post(LOGIN, data=data, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.location) == (303, "/")


def test_an_old_form_of_a_guest_is_refused_all_the_same(client):
    assert client.post(LOGIN, data={"csrf_token": "x"}).status_code == 400


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060", "\u202e"])
def test_an_address_with_a_hidden_character_is_refused_with_the_reason(client, hidden):
    page = attempt(client, f"ada{hidden}@example.com")
    assert "Remove the invisible characters" in page.text


def test_a_huge_address_is_not_sent_back(client):
    """PW-2: the email is cut before it is checked."""
    page = attempt(client, "a" * 650_000 + "@example.com")
    assert page.status_code == 200
    assert len(page.text) < 20_000
