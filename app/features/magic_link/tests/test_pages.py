"""Sign in with a link or a code from a mail."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from app.extensions import db, limiter
from app.features.magic_link import mailed_sign_ins, proofs
from app.features.magic_link.account import ASKED
from app.features.magic_link.models import MailedSignIn
from app.kit import clean_up
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, User
from app.services import policy
from tests.fixtures.strangers import mailed_link
from tests.support import PASSWORD, links, path_of

ASK, CODE = "/account/sign-in-by-mail", "/account/sign-in-code"
SIX_DIGITS = re.compile(r"type this code in that browser: (\d{6})\b")


@pytest.fixture
def asked(client, make_user, outbox):
    """Return a user, and the link and the code of the mail that they asked for in `client`."""
    user = make_user()
    response = client.submit(ASK, {"email": user.email})
    assert response.location == CODE
    text = outbox.last_text()
    return user, path_of(next(one for one in links(text) if ASK in one)), SIX_DIGITS.search(text)[1]


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def last_event(action):
    return db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id.desc())
    ).first()


def test_a_code_signs_the_user_in(client, asked):
    user, _link, code = asked
    assert client.submit(CODE, {"code": code}).status_code == 302
    assert client.is_signed_in()
    assert last_event("session.started").subject_id == user.id
    assert last_event("session.started").details["way"] == "code by mail"


def test_a_code_may_be_typed_with_spaces(client, asked):
    _user, _link, code = asked
    client.submit(CODE, {"code": f" {code[:3]} {code[3:]} "})
    assert client.is_signed_in()


def test_a_link_shows_a_button_and_the_button_signs_in(client, asked):
    _user, link, _code = asked
    assert client.get(link).status_code == 200
    assert not client.is_signed_in()
    client.submit(link)
    assert client.is_signed_in()


def test_the_page_that_was_wanted_opens(client, make_user, outbox):
    user = make_user()
    client.submit(f"{ASK}?next=/account/manage", {"email": user.email, "remember_me": "y"})
    code = SIX_DIGITS.search(outbox.last_text())[1]
    response = client.submit(CODE, {"code": code})
    assert response.location == "/account/manage"
    assert any("remember" in one for one in response.headers.getlist("Set-Cookie"))


def test_the_sign_in_page_leads_there_if_it_is_on(app, client, monkeypatch):
    assert ASK in client.get("/account/login").text
    monkeypatch.setitem(app.config, "SIGN_IN_BY_MAIL", False)
    assert ASK not in client.get("/account/login").text
    assert {client.get(path).status_code for path in (ASK, CODE, f"{ASK}/x.y")} == {404}


def test_a_link_is_refused_in_another_browser(app, asked):
    """ASVS 5.0 6.6.2: a stranger who made the owner open the link is not signed in."""
    _user, link, _code = asked
    other = app.test_client()
    response = other.get(link)
    assert response.status_code == 404
    assert "Open this link where you asked for it" in response.text
    other.submit(link, form_at="/account/login")
    assert not other.is_signed_in()


def test_a_link_is_refused_in_a_browser_that_asked_for_another(app, make_user, asked, outbox):
    _user, link, _code = asked
    other = app.test_client()
    other.submit(ASK, {"email": make_user().email})
    outbox.deliver()
    other.submit(link, form_at=CODE)
    assert not other.is_signed_in()


def test_a_link_is_refused_for_the_request_of_another_user(app, make_user, asked):
    """SQLite gives the id of a deleted request to the next one."""
    _user, link, _code = asked
    request_id = db.session.scalars(select(MailedSignIn.id)).one()
    db.session.execute(delete(MailedSignIn))
    other = app.test_client()
    other.submit(ASK, {"email": make_user().email})
    db.session.execute(update(MailedSignIn).values(id=request_id))
    db.session.commit()
    with other.session_transaction() as session:
        session[ASKED] = {**session[ASKED], "request_id": request_id}
    other.submit(link, form_at=CODE)
    assert not other.is_signed_in()


def test_a_code_is_refused_in_another_browser(app, make_user, asked):
    user, _link, code = asked
    other = app.test_client()
    other.submit(ASK, {"email": user.email})
    other.submit(CODE, {"code": code})
    assert not other.is_signed_in()


@pytest.mark.parametrize("way", ["link", "code"])
def test_a_mail_signs_in_once(client, asked, way):
    """A copy of the browser's cookie from before does not help."""
    _user, link, code = asked
    with client.session_transaction() as session:
        before = session[ASKED]
    client.submit(CODE, {"code": code})
    client.submit("/account/logout", form_at="/")
    with client.session_transaction() as session:
        session[ASKED] = before
    if way == "link":
        assert client.get(link).status_code == 404
        client.submit(link, form_at=CODE)
    else:
        client.submit(CODE, {"code": code})
    assert not client.is_signed_in()


@pytest.mark.parametrize("way", ["link", "code"])
def test_a_mail_is_good_for_a_quarter_of_an_hour(client, asked, way):
    _user, link, code = asked
    db.session.scalars(select(MailedSignIn)).one().created_at = now() - timedelta(minutes=15)
    db.session.commit()
    client.submit(*([link] if way == "link" else [CODE, {"code": code}]), form_at=CODE)
    assert not client.is_signed_in()


@pytest.mark.parametrize(
    "change",
    [
        {"password": "another correct horse battery"},
        {"suspended_at": now()},
        {"deleted_at": now()},
        {"confirmed": False},
        {"role_id": None},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("way", ["link", "code"])
def test_a_change_of_the_account_ends_the_mail(client, asked, change, way):
    user, link, code = asked
    for name, value in change.items():
        setattr(user, name, value)
    db.session.commit()
    client.submit(*([link] if way == "link" else [CODE, {"code": code}]), form_at=CODE)
    assert not client.is_signed_in()


def test_five_guesses_end_a_code(client, asked):
    _user, _link, code = asked
    for _ in range(mailed_sign_ins.GUESSES - 1):
        assert client.submit(CODE, {"code": wrong(code)}).status_code == 200
    assert client.submit(CODE, {"code": wrong(code)}).location == ASK
    client.submit(CODE, {"code": code}, form_at="/account/login")
    assert not client.is_signed_in()
    assert last_event("session.code_refused") is not None


def test_guesses_at_many_mails_end_too(app, make_user, monkeypatch):
    """A stranger who asks again and again gets ten guesses in a quarter of an hour."""
    monkeypatch.setattr(limiter, "enabled", True)
    user, statuses = make_user(), []
    for _ in range(3):
        browser = app.test_client()
        browser.submit(ASK, {"email": user.email})
        statuses += [browser.submit(CODE, {"code": "x"}).status_code for _ in range(4)]
    assert statuses[:10] == [200] * 10
    assert statuses[10:] == [429] * 2
    owner = app.test_client()
    owner.sign_in(user.email, PASSWORD)
    assert owner.is_signed_in()


def test_unknown_addresses_have_the_same_answers(client, make_user):
    """AU-1"""
    answers = []
    for email in (make_user().email, "nobody@example.com"):
        response = client.submit(ASK, {"email": email})
        page = client.get(CODE).text.replace(email, "")
        guess = client.submit(CODE, {"code": "000000"})
        form = re.sub(r'value="[^"]*"|nonce="[^"]*"', "", guess.text.replace(email, ""))
        answers.append((response.location, "a mail is on its way" in page, guess.status_code, form))
        client.get(CODE)
    assert answers[0] == answers[1]
    count = select(func.count()).select_from(EmailMessage)
    assert db.session.scalar(count.where(EmailMessage.recipient == "nobody@example.com")) == 1


def test_a_user_who_is_not_confirmed_gets_the_link_for_that(client, make_user, outbox):
    """Someone else may have registered the address with their own password."""
    for password in (PASSWORD, None):
        user = make_user(confirmed=False)
        user.password = password
        client.submit(ASK, {"email": user.email})
        assert "/account/confirm-account/" in outbox.last_text()


def test_a_mailed_link_gives_the_registration_of_a_stranger_to_the_owner(squatted, app, outbox):
    """SE-3: with each way in of a stranger (tests.fixtures.strangers)."""
    new = {"new_password": PASSWORD, "new_password2": PASSWORD}
    for _stranger, email in squatted:
        owner = app.test_client()
        outbox.deliver()
        owner.submit(ASK, {"email": email})
        link = mailed_link(outbox, email, "/confirm-account/")
        owner.submit(owner.submit(link, {"choose_password": "1"}).location, new)
        owner.submit(ASK, {"email": email})
        code = SIX_DIGITS.search(outbox.last_text())[1]
        owner.submit(CODE, {"code": code})
        assert owner.is_signed_in()


def test_the_owner_of_a_deleted_account_is_told(client, make_user, outbox):
    user = make_user()
    user.deleted_at = now()
    db.session.commit()
    client.submit(ASK, {"email": user.email})
    assert not SIX_DIGITS.search(outbox.last_text())


@pytest.mark.parametrize("code", ["", "x" * 17, "١٢٣٤٥٦", "\x00", "🙂" * 6])
def test_odd_codes_are_refused(client, asked, code):
    assert client.submit(CODE, {"code": code}).status_code == 200
    assert not client.is_signed_in()


def test_an_address_gets_five_mails_an_hour(client, make_user):
    user = make_user()
    for _ in range(7):
        client.submit(ASK, {"email": user.email})
    count = select(func.count()).where(EmailMessage.recipient == user.email)
    assert db.session.scalar(count) == 5


def test_mails_that_strangers_ask_for_leave_some_to_a_known_browser(app, make_user):
    """Nobody but the browser that asked can use a mail, so those of strangers are of no use."""
    user = make_user()
    known = app.test_client()
    known.submit("/account/login", {"email": user.email, "password": PASSWORD})
    known.submit("/account/logout", form_at="/account/manage")
    for _ in range(7):
        app.test_client().submit(ASK, {"email": user.email})
    for _ in range(7):
        known.submit(ASK, {"email": user.email})
        app.test_client().submit(ASK, {"email": user.email})
    sent = select(func.count()).where(EmailMessage.message == "sign_in_link")
    assert db.session.scalar(sent) == 5 + 5


def test_old_requests_are_deleted(make_user):
    user = make_user()
    mailed_sign_ins.ask(user.email)
    mailed_sign_ins.ask(user.email)
    first = db.session.scalars(select(MailedSignIn).order_by(MailedSignIn.id)).first()
    first.created_at = now() - proofs.LIFETIME * 2
    db.session.commit()
    assert clean_up.run()["mails to sign in"] == 1


def test_requests_go_with_their_user(make_user):
    user = make_user()
    mailed_sign_ins.ask(user.email)
    db.session.delete(db.session.get(User, user.id))
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(MailedSignIn)) == 0


@pytest.mark.parametrize("is_on", [True, False])
def test_an_administrator_without_a_password_counts_while_mails_sign_in(
    app, make_user, monkeypatch, is_on
):
    """AD-1"""
    monkeypatch.setitem(app.config, "SIGN_IN_BY_MAIL", is_on)
    make_user(role="Administrator").password_hash = None
    db.session.commit()
    assert policy.has_administrator() is is_on
