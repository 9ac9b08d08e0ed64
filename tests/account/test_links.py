"""Links in mails: each does one thing, once, for one user, for a limited time."""

import string
from datetime import timedelta

import pytest
import time_machine
from flask_login import encode_cookie

from app.extensions import db
from app.kit import tokens
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.kit.web.logs.log_lines import redact
from app.models import User
from app.services import mailed_links, register, sessions
from tests.contracts.test_routes import dump
from tests.links import NEW, NEW_ADDRESS
from tests.routes import rows
from tests.support import PASSWORD, links, path_of

REFUSED = "does not work"
KINDS = sorted(rows("LINKS"))


class Kinds(dict):
    """A link of each kind by name, each with its own user and browser, made when it is wanted."""

    def __init__(self, *arguments):
        super().__init__()
        self.arguments = arguments

    def __missing__(self, name):
        self[name] = rows("LINKS")[name].make(*self.arguments)
        return self[name]


@pytest.fixture
def kinds(app, make_user):
    return Kinds(app, make_user)


def send(link, token):
    """Send the form of a link with a token of the browser's session, whatever the page shows."""
    page = "/account/manage" if link.browser.is_signed_in() else "/account/login"
    return link.browser.submit(link.path(token), link.data, form_at=page)


def refused(link, token):
    """Tell whether both GET and POST of a link are refused."""
    before = link.done()
    opened, used = link.open(token), send(link, token)
    assert opened.status_code == used.status_code, (opened.status_code, used.status_code)
    assert link.done() == before, "it did something"
    return opened.status_code == 404 and REFUSED in opened.text and REFUSED in used.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_works_once(kinds, kind):
    """TK-1"""
    link = kinds[kind]
    token = link.make()
    assert link.open(token).status_code == 200
    assert send(link, token).status_code == 302
    assert link.done()
    assert refused(link, token)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", [*KINDS, "session", "remember", "csrf"])
def test_a_link_does_only_what_it_was_made_for(kinds, kind, other, make_user, app):
    """TK-3: every other token is refused on every page."""
    if other == kind:
        assert kinds[kind].open(kinds[kind].make()).status_code == 200
        return
    browser = app.test_client()
    browser.enter(make_user())
    foreign = {
        **({other: kinds[other].make} if other in KINDS else {}),
        "session": lambda: browser.get_cookie("session").value,
        "remember": lambda: encode_cookie(
            sessions.start(make_user(), remembered=True, address="", device="")
        ),
        "csrf": lambda: browser.csrf_token("/account/manage"),
    }[other]()
    assert refused(kinds[kind], foreign)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_expires(kinds, kind):
    """TK-2"""
    link = kinds[kind]
    start = now()
    with time_machine.travel(start, tick=False) as clock:
        token = link.make()
        clock.shift(rows("LINKS")[kind].lifetime - timedelta(seconds=1))
        assert link.open(token).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert refused(link, token)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_that_expires_while_its_page_is_open_is_refused(kinds, kind):
    """TK-2"""
    link = kinds[kind]
    with time_machine.travel(now(), tick=False) as clock:
        token = link.make(expiration=5)
        assert link.open(token).status_code == 200
        clock.shift(5)
        assert send(link, token).status_code == 404
        assert not link.done()


def test_a_clock_that_is_behind_does_not_refuse_a_new_link(app):
    """F24: the token contains its expiry, not its age."""
    with time_machine.travel(now() + timedelta(minutes=10)):
        token = tokens.make("confirm", 1, "state", expires_in=3600)
    assert tokens.read("confirm", token)


@pytest.mark.parametrize("kind", KINDS)
def test_looking_at_a_link_changes_nothing(kinds, kind):
    """TK-5: mail scanners follow links."""
    link = kinds[kind]
    token = link.make()
    before = dump()
    for _ in range(3):
        assert link.open(token).status_code == 200
        assert link.browser.head(link.path(token)).status_code == 200
    assert dump() == before
    assert send(link, token).status_code == 302
    assert link.done()


ODD = ["x", "x.y", ".", "..", "é", "%00", "a" * 10_000, "x" * 2049, "%ff", "null", "0",
       "WzEsMSwieCIsIiJd.AAAA", "%F0%9F%90%B4", "'%20OR%201=1--", "{{7*7}}"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("token", ODD, ids=range(len(ODD)))
def test_a_link_that_never_was_one_is_refused_like_one_that_expired(kinds, kind, token):
    """TK-6"""
    link = kinds[kind]
    expired = link.make(expiration=-1)
    page = link.open(token)
    if token in {".", ".."}:
        assert page.status_code in {404, 405, 200, 302}
        return
    assert page.status_code == 404
    assert REFUSED in page.text
    assert "49" not in page.text.partition("<h1")[2].partition("</main")[0]
    assert page.text.count("\n") == link.open(expired).text.count("\n")


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_of_a_link_counts(kinds, kind):
    """TK-6"""
    link = kinds[kind]
    token = link.make()
    alphabet = string.ascii_letters + string.digits + "-_"
    for at, letter in enumerate(token[:-1]):  # The last character has unused bits in base 64.
        if letter == ".":
            continue
        changed = token[:at] + alphabet[(alphabet.index(letter) + 1) % 64] + token[at + 1 :]
        assert tokens.read(kind, changed) is None, at
    assert tokens.read(kind, token[:-4]) is None
    assert tokens.read(kind, token + "A") is None
    assert tokens.read(kind, token)
    middle = len(token) // 2
    assert refused(link, token[:middle] + token[middle + 1 :])


def test_a_link_of_one_person_is_none_for_another(app, make_user):
    """TK-4, AZ-2: the token identifies the user, and the id in the URL is not trusted."""
    browser = app.test_client()
    owner, thief = make_user(pending_email=NEW_ADDRESS), make_user()
    token = owner.generate_email_change_token(NEW_ADDRESS)
    browser.enter(thief)
    path = f"/account/manage/change-email/{token}"
    assert browser.get(path).status_code == 404
    assert browser.submit(path, form_at="/account/manage").status_code == 404
    assert {owner.email, thief.email}.isdisjoint({NEW_ADDRESS})


# The events that expire a link early


@pytest.mark.parametrize(
    ("kind", "change"),
    [(name, change) for name, kind in rows("LINKS").items() for change in kind.ends],
)
def test_a_link_ends_with_what_it_was_made_for(kinds, kind, change):
    """TK-1, TK-4"""
    link = kinds[kind]
    token = link.make()
    content = tokens.read(kind, token)
    user = db.session.get(User, content.user_id)
    change(user)
    db.session.commit()
    assert not user.accepts(kind, token)
    with pytest.raises(mailed_links.LinkRefused):
        mailed_links.find_by_token(kind, token)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_of_someone_deleted_is_refused(kinds, kind):
    """TK-1, AD-7"""
    token = kinds[kind].make()
    db.session.delete(db.session.get(User, tokens.read(kind, token).user_id))
    db.session.commit()
    with pytest.raises(mailed_links.LinkRefused):
        mailed_links.find_by_token(kind, token)


def delivered_links(outbox, kind):
    return [path_of(links(mail.get_body(("plain",)).get_content())[0]) for mail in outbox.deliver()
            if kind in mail.get_body(("plain",)).get_content()]  # fmt: skip


def test_only_the_newest_reset_link_works(client, make_user, outbox):
    """TK-1"""
    user = make_user()
    for _ in range(2):
        client.submit("/account/reset-password", {"email": user.email})
        outbox.deliver()
    first, second = delivered_links(outbox, "reset-password")
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200


def test_a_reset_link_signs_nobody_in(client, make_user):
    """TK-9"""
    user = make_user()
    link = f"/account/reset-password/{user.generate_password_reset_token()}"
    response = client.submit(link, {"new_password": NEW, "new_password2": NEW})
    assert response.location == "/account/login"
    assert not client.is_signed_in()


def test_an_earlier_secret_key_is_good_for_links_until_it_is_taken_away(
    app, make_user, monkeypatch
):
    """CF-4"""
    user = make_user(confirmed=False)
    token = user.generate_confirmation_token()
    old_key = app.config["SECRET_KEY"]
    monkeypatch.setitem(app.config, "SECRET_KEY", "k" * 48)
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [old_key])
    assert user.accepts("confirm", token)
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [])
    assert not user.accepts("confirm", token)


# Leaks of links


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_link_tells_nobody_its_address(kinds, kind):
    """TK-7"""
    link = kinds[kind]
    for token in (link.make(), link.make(expiration=-1)):
        page = link.open(token)
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        outside = [found for found in links(page.text) if not found.startswith("http://localhost")]
        assert not [found for found in outside if "w3.org" not in found]


def test_no_link_lies_in_the_database(client, make_user, outbox):
    """TK-6: neither before nor after the mail is sent."""
    client.submit("/account/reset-password", {"email": make_user().email})
    register.resend_confirmation(make_user(confirmed=False))
    before = str(dump())
    sent = [path_of(links(mail.get_body(("plain",)).get_content())[0]) for mail in outbox.deliver()]
    assert len(sent) == 2
    for link in sent:
        token = link.rpartition("/")[2]
        assert token not in before
        assert token not in str(dump())
        assert token.rpartition(".")[2] not in str(dump())


@pytest.mark.parametrize("kind", KINDS)
def test_no_log_line_holds_a_link(kinds, kind, caplog):
    """TK-7"""
    link = kinds[kind]
    token = link.make()
    caplog.set_level("DEBUG")
    link.open(token)
    send(link, token)
    assert token not in caplog.text
    path = link.path(token)
    encoded = path.replace("/", "%2F")
    for text in (f"GET {path} 200", f'"GET {path}?x=1"', f"GET /account/login?next={encoded} 200",
                 f"Referer: http://localhost{path}", f"/account/login?next={path}"):  # fmt: skip
        assert token not in redact(text), text


def test_a_guest_is_sent_back_to_the_link_after_signing_in(client, make_user):
    user = make_user(pending_email=NEW_ADDRESS)
    link = f"/account/manage/change-email/{user.generate_email_change_token(NEW_ADDRESS)}"
    asked = client.get(link)
    response = client.submit(asked.location, {"email": user.email, "password": PASSWORD})
    assert response.location == link
    assert client.submit(link).status_code == 302
    assert user.email == NEW_ADDRESS
    assert db.session.query(EmailMessage).count() == 2


@pytest.mark.parametrize("kind", sorted({"reset_password", "invite"} & set(KINDS)))
def test_a_signed_in_user_is_told_that_a_link_was_not_used(kinds, kind, app, admin):
    """For example an administrator who tries the link that they copied for a user."""
    browser = app.test_client()
    browser.enter(admin)
    link = kinds[kind]
    response = browser.get(link.path(link.make()))
    assert response.location == "/"
    assert "the link was not used" in browser.get("/").text
    assert link.open(link.make()).status_code == 200
