"""Set up a second factor, make recovery codes, turn it off, and reset that of another."""

import html
import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.extensions import db
from app.features.two_factor import devices, services
from app.features.two_factor.codes import NotEnabled, use_recovery_code
from app.features.two_factor.models import SECRETS, RecoveryCode, TrustedDevice, TwoFactorSecret
from app.features.two_factor.services import Demanded
from app.features.two_factor.tests.support import (
    CODE_PAGE,
    MANAGE,
    RECOVERY_CODE,
    RECOVERY_PAGE,
    SECRET,
    SET_UP,
    code,
    demand,
    enable,
    left,
)
from app.kit import slots
from app.kit.database import now
from app.models import Permission, UserSession
from app.services.policy import InsufficientPrivileges, NotOnSelf
from tests import factories
from tests.support import PASSWORD

KEY = re.compile(r'qr-secret">([A-Z2-7 ]+)<')
SEALED = re.compile(r'name="sealed"[^>]*value="([^"]+)"')
CODES = re.compile(r'name="codes" value="([^"]+)"')


@pytest.fixture
def user(make_user):
    return make_user()


@pytest.fixture
def browser(client, user):
    client.enter(user)
    return client


def scan(page):
    """Return the secret and the hidden field of the page that shows the QR code."""
    return KEY.search(page).group(1).replace(" ", ""), html.unescape(SEALED.search(page).group(1))


def turn_on(browser):
    secret, sealed = scan(browser.get(SET_UP).text)
    return secret, browser.submit(SET_UP, {"code": code(secret), "sealed": sealed})


def test_it_is_set_up_with_a_first_code(browser, user, outbox):
    assert "Someone who knows your password" in browser.get(MANAGE).text
    _secret, page = turn_on(browser)
    codes = CODES.findall(page.text)
    assert len(set(codes)) == 10
    assert page.headers["Cache-Control"] == "no-store"
    assert outbox.deliver()[-1]["Subject"].endswith("Two-factor authentication is on")
    assert left(user) == 10
    stored = db.session.scalars(select(RecoveryCode.code_hash)).all()
    assert all(one.startswith("$argon2id$") for one in stored)
    assert "10 codes are left" in browser.get(MANAGE).text
    assert browser.get(SET_UP).location == MANAGE
    assert "recovery-codes" not in browser.get(MANAGE).text.replace(f"{MANAGE}/recovery-codes", "")
    use_recovery_code(user, codes[4], is_known=True)


def test_the_page_shows_a_qr_code_without_inline_styles(browser):
    page = browser.get(SET_UP).text
    svg = re.search(r"<svg class=\"qr-code\".*?</svg>", page, re.DOTALL).group()
    assert "style" not in svg
    assert svg.count("h1v1h-1z") > 200


def test_showing_the_page_stores_nothing(browser, user):
    """TK-5"""
    browser.get(SET_UP)
    assert db.session.get(TwoFactorSecret, user.id) is None


def test_a_wrong_first_code_keeps_the_secret(browser, user):
    secret, sealed = scan(browser.get(SET_UP).text)
    page = browser.submit(SET_UP, {"code": "000000", "sealed": sealed}).text
    assert "This code is wrong" in page
    assert scan(page) == (secret, sealed)
    assert not services.is_enabled(user)


@pytest.mark.parametrize("kind", ["old", "foreign", "forged", "missing"])
def test_a_secret_of_another_form_is_refused(browser, user, make_user, kind):
    secret, sealed = scan(browser.get(SET_UP).text)
    later = now()
    if kind == "old":
        later += timedelta(minutes=31)
    elif kind == "foreign":
        other = browser.application.test_client()
        other.enter(make_user())
        secret, sealed = scan(other.get(SET_UP).text)
    else:
        sealed = "gAAAA" if kind == "forged" else ""
    db.session.scalars(select(UserSession).where(UserSession.user_id == user.id)).one()
    with time_machine.travel(later, tick=False):
        for session in db.session.scalars(select(UserSession)):
            session.authenticated_at = now()
        db.session.commit()
        page = browser.submit(SET_UP, {"code": code(secret), "sealed": sealed}).text
    assert "That took too long" in page
    assert not services.is_enabled(user)


def test_other_sessions_end_when_it_is_turned_on(app, browser, user):
    """ASVS 5.0 7.4.3"""
    other = app.test_client()
    other.enter(user)
    turn_on(browser)
    assert browser.is_signed_in()
    assert not other.is_signed_in()


def test_it_is_set_up_after_a_fresh_sign_in(browser):
    db.session.scalars(select(UserSession)).one().authenticated_at = now() - timedelta(hours=1)
    db.session.commit()
    assert browser.get(SET_UP).location.startswith("/account/reauthenticate")


def test_the_codes_come_as_a_file(browser, user):
    codes = ["03k7mq9xw2fg", "13k7mq9xw2fg"]
    data = {"codes": codes, "csrf_token": browser.csrf_token("/account/manage/change-name")}
    response = browser.post(f"{MANAGE}/recovery-codes.txt", data=data)
    assert response.mimetype == "text/plain"
    assert "attachment" in response.headers["Content-Disposition"]
    assert "03k7-mq9x-w2fg\n13k7-mq9x-w2fg\n" in response.text
    assert user.email in response.text


@pytest.mark.parametrize("codes", [[], ["x"], ["<script>"], ["03k7mq9xw2fg"] * 11])
def test_no_other_text_comes_as_a_file(browser, codes):
    data = {"codes": codes, "csrf_token": browser.csrf_token("/account/manage/change-name")}
    assert browser.post(f"{MANAGE}/recovery-codes.txt", data=data).status_code == 400


def test_new_recovery_codes_replace_the_earlier_ones(browser, user, outbox):
    enable(user)
    page = f"{MANAGE}/recovery-codes"
    assert "This code is wrong" in browser.submit(page, {"code": "000000"}).text
    assert left(user) == 1
    assert len(CODES.findall(browser.submit(page, {"code": code()}).text)) == 10
    assert left(user) == 10
    assert outbox.deliver()[-1]["Subject"].endswith("You have new recovery codes")


def test_it_is_turned_off_with_a_code(app, browser, user, outbox):
    enable(user)
    other = app.test_client()
    other.enter(user)
    page = f"{MANAGE}/turn-off"
    assert "This code is wrong" in browser.submit(page, {"code": "000000"}).text
    assert services.is_enabled(user)
    assert browser.submit(page, {"code": code()}).location == MANAGE
    assert not services.is_enabled(user)
    assert left(user) == 0
    assert outbox.deliver()[-1]["Subject"].endswith("Two-factor authentication is off")
    assert browser.is_signed_in()
    assert not other.is_signed_in()


# A lost phone

REPLACE = f"{MANAGE}/replace"


def replace(browser, proof):
    """Send the page that replaces the app, and return the new secret and the answer."""
    secret, sealed = scan(browser.get(REPLACE).text)
    data = {"code": code(secret), "sealed": sealed, "proof": proof}
    return secret, browser.submit(REPLACE, data)


def test_a_user_who_lost_the_phone_comes_back_and_has_another(app, client, user, outbox):
    """Also if the role requires a second factor, without the help of an administrator."""
    enable(user, codes=(RECOVERY_CODE, "4k7mq9xw2fgh"))
    demand(user.role)
    other = app.test_client()
    other.enter(user)
    client.submit("/account/login", {"email": user.email, "password": PASSWORD})
    client.submit(RECOVERY_PAGE, {"code": RECOVERY_CODE})
    texts = [mail.get_body(("plain",)).get_content() for mail in outbox.deliver()]
    assert any("replace the app on the page" in one for one in texts)
    secret, page = replace(client, "4k7m-q9xw-2fgh")
    assert len(CODES.findall(page.text)) == left(user) == 10
    assert outbox.deliver()[-1]["Subject"].endswith("Your authenticator app was replaced")
    assert client.is_signed_in()
    assert not other.is_signed_in()
    client.delete_cookie("session")
    client.submit("/account/login", {"email": user.email, "password": PASSWORD})
    assert "This code is wrong" in client.submit(CODE_PAGE, {"code": code()}).text
    client.submit(CODE_PAGE, {"code": code(secret, steps=1)})
    assert client.is_signed_in()


def test_the_present_app_is_a_proof_too_and_its_code_works_once(browser, user):
    enable(user)
    used = code()
    replace(browser, used)
    stored = db.session.get(TwoFactorSecret, user.id, populate_existing=True)
    assert SECRETS.decrypt(stored.encrypted, user.id) != SECRET
    assert "This code is wrong" in replace(browser, used)[1].text


@pytest.mark.parametrize("proof", ["000000", "0000-0000-0000", "none"])
def test_nobody_replaces_the_app_without_a_proof(browser, user, proof):
    enable(user)
    assert "This code is wrong" in replace(browser, proof)[1].text
    stored = db.session.get(TwoFactorSecret, user.id, populate_existing=True)
    assert SECRETS.decrypt(stored.encrypted, user.id) == SECRET
    assert left(user) == 1


def test_a_wrong_code_of_the_new_app_uses_up_no_recovery_code(browser, user):
    enable(user)
    _secret, sealed = scan(browser.get(REPLACE).text)
    for values, text in (
        ({"code": "000000", "sealed": sealed}, "This code is wrong"),
        ({"code": code(), "sealed": "forged"}, "That took too long"),
    ):
        assert text in browser.submit(REPLACE, {**values, "proof": RECOVERY_CODE}).text
    assert left(user) == 1


def test_there_is_nothing_to_replace_without_an_app(browser, user):
    assert browser.get(REPLACE).location == SET_UP
    sealed = SECRETS.encrypt(SECRET, user.id)
    with pytest.raises(NotEnabled):
        services.replace_app(user, sealed=sealed, code=code(), proof="123456")


def test_an_app_that_was_turned_off_meanwhile_is_not_replaced(browser, user, monkeypatch):
    enable(user)
    db.session.delete(services.secret_of(user))
    db.session.commit()
    monkeypatch.setattr(services, "is_enabled", lambda _user: True)
    assert replace(browser, "123456")[1].location == MANAGE
    assert db.session.get(TwoFactorSecret, user.id) is None


@pytest.mark.parametrize("page", ["recovery-codes", "turn-off"])
def test_a_recovery_code_is_enough_where_a_code_of_the_app_is(browser, user, page):
    enable(user)
    browser.submit(f"{MANAGE}/{page}", {"code": RECOVERY_CODE})
    assert left(user) == (10 if page == "recovery-codes" else 0)


def test_it_stays_on_while_the_role_demands_it(browser, user):
    enable(user)
    demand(user.role)
    db.session.scalars(select(UserSession)).one().has_second_factor = True
    db.session.commit()
    assert "Your role requires" in browser.get(MANAGE).text
    answer = browser.submit(f"{MANAGE}/turn-off", {"code": code()}, follow_redirects=True)
    assert "so the app stays on" in answer.text
    assert services.is_enabled(user)
    with pytest.raises(Demanded):
        services.disable(user, code=code())


def test_an_administrator_resets_it(client, admin, user, outbox, app):
    enable(user)
    theirs = app.test_client()
    theirs.enter(user)
    client.enter(admin)
    assert f"/admin/user/{user.id}/reset-two-factor" in client.get(f"/admin/user/{user.id}").text
    client.submit(f"/admin/user/{user.id}/reset-two-factor")
    assert not services.is_enabled(user)
    assert not theirs.is_signed_in()
    assert outbox.deliver()[-1]["Subject"].endswith("Two-factor authentication was reset")
    assert "reset-two-factor" not in client.get(f"/admin/user/{user.id}").text


def test_nobody_resets_that_of_a_user_above_them(admin, make_user):
    helper = make_user()
    helper.role = factories.make_role("Helper", permissions=Permission.MANAGE_USERS)
    db.session.commit()
    enable(admin)
    with pytest.raises(InsufficientPrivileges):
        services.reset(admin, by=helper)
    db.session.rollback()
    assert services.is_enabled(admin)


def test_nobody_resets_their_own(admin):
    enable(admin)
    with pytest.raises(NotOnSelf):
        services.reset(admin, by=admin)


def test_there_is_nothing_to_reset_without_it(admin, user):
    with pytest.raises(NotEnabled):
        services.reset(user, by=admin)


def test_everything_goes_with_the_user(user):
    enable(user)
    row = {"token_hash": "x", "state_hash": "x", "device": "", "expires_at": now()}
    db.session.add(TrustedDevice(user_id=user.id, **row))
    db.session.commit()
    db.session.execute(db.delete(type(user)).where(type(user).id == user.id))
    for model in (TwoFactorSecret, RecoveryCode, TrustedDevice):
        assert db.session.scalars(select(model)).all() == []


def test_operators_reset_it_by_a_command(app, user):
    enable(user)
    runner = app.test_cli_runner()
    done = runner.invoke(args=["reset_two_factor", user.email])
    assert done.exit_code == 0, done.output
    db.session.expire_all()
    assert not services.is_enabled(user)
    assert "has no second factor" in runner.invoke(args=["reset_two_factor", user.email]).output
    assert "No user has the email" in runner.invoke(args=["reset_two_factor", "x@x.com"]).output


# Own data


def test_the_own_data_has_facts_and_no_secret(user):
    assert dict(slots.data_of(user)).get("two_factor") is None
    enable(user)
    devices.trust(user, device="Firefox")
    found = dict(slots.data_of(user))["two_factor"]
    assert found["recovery_codes_left"] == 1
    assert [one["device"] for one in found["trusted_browsers"]] == ["Firefox"]
    assert found.keys() == {"set_up_at", "recovery_codes_left", "trusted_browsers"}
