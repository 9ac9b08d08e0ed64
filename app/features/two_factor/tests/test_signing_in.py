"""Sign in with a code of the app or a recovery code after the password."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.extensions import db
from app.features.two_factor import devices
from app.features.two_factor.models import SECRETS, TwoFactorSecret
from app.features.two_factor.tests.support import (
    CODE_PAGE,
    MANAGE,
    RECOVERY_CODE,
    RECOVERY_PAGE,
    SECRET,
    code,
    enable,
    left,
)
from app.kit.database import now
from app.kit.encryption import UnreadableSecret
from app.models import AuditEvent, UserSession
from app.services import user_access
from tests.factories import make_user
from tests.support import PASSWORD, module_of, needs
from tests.world import NEW_PASSWORD

bulk = module_of("bulk")


@pytest.fixture
def user(make_user):
    return enable(make_user())


def begin(browser, user, path="/account/login", password=PASSWORD):
    return browser.submit(path, {"email": user.email, "password": password})


def enter(browser, given, **fields):
    return browser.submit(CODE_PAGE, {"code": given, **fields})


def events():
    return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_a_code_of_the_app_is_asked_for_after_the_password(client, user):
    assert begin(client, user, "/account/login?next=/account/manage").location == CODE_PAGE
    assert not client.is_signed_in()
    assert enter(client, code()).location == "/account/manage"
    assert client.is_signed_in()
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "session.started"))
    assert event.one().details["way"] == "password, app"


def test_a_code_may_have_spaces(client, user):
    begin(client, user)
    assert enter(client, f" {code()[:3]} {code()[3:]} ").status_code == 302


@pytest.mark.parametrize("wrong", ["000000", "abcdef", "１２３４５６", "1", "9" * 16, '"><img>'])
def test_a_wrong_code_is_refused(client, user, wrong):
    begin(client, user)
    page = enter(client, wrong)
    assert page.status_code == 200
    assert "This code is wrong" in page.text
    assert events()[-1] == "two_factor.refused"
    assert not client.is_signed_in()


@pytest.mark.parametrize(("steps", "works"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_the_steps_before_and_after_count_too(client, user, steps, works):
    with time_machine.travel("2031-03-09T14:05:10Z", tick=False):
        begin(client, user)
        assert (enter(client, code(steps=steps)).status_code == 302) is works


def test_a_code_works_once(app, user):
    """RFC 6238, section 5.2"""
    with time_machine.travel("2031-03-09T14:05:10Z", tick=False) as clock:
        for works in (True, False):
            browser = app.test_client()
            begin(browser, user)
            assert (enter(browser, code()).status_code == 302) is works
        browser = app.test_client()
        begin(browser, user)
        assert enter(browser, code(steps=-1)).status_code == 200, "older than the last one"
        clock.shift(30)
        assert enter(browser, code()).status_code == 302


def test_codes_of_another_user_are_refused(client, user, make_user):
    other = make_user()
    db.session.add(
        TwoFactorSecret(
            user_id=other.id, encrypted=SECRETS.encrypt("A" * 32, other.id), last_step=0
        )
    )
    db.session.commit()
    begin(client, other)
    assert enter(client, code()).status_code == 200


def test_guesses_are_limited_for_the_account_and_not_for_a_known_browser(app, user):
    """BF-1: a stranger with the password does not lock the user out."""
    known = app.test_client()
    with time_machine.travel("2031-03-09T14:05:10Z", tick=False) as clock:
        begin(known, user)
        enter(known, code())
        known.submit("/account/logout", form_at="/account/manage")
        statuses = []
        for number in range(12):
            stranger = app.test_client()
            begin(stranger, user)
            statuses.append(enter(stranger, f"{number:06}").status_code)
        assert statuses == [200] * 10 + [429] * 2
        clock.shift(30)
        begin(known, user)
        assert enter(known, code()).status_code == 302


def test_a_right_code_sets_the_guesses_back(app, user):
    with time_machine.travel("2031-03-09T14:05:10Z", tick=False) as clock:
        for _ in range(3):
            browser = app.test_client()
            begin(browser, user)
            for number in range(8):
                assert enter(browser, f"{number:06}").status_code == 200
            assert enter(browser, code()).status_code == 302
            clock.shift(30)


# Recovery codes


def test_a_recovery_code_works_once(app, client, user, outbox):
    begin(client, user)
    assert "/second-step/recovery" in client.get(CODE_PAGE).text
    shown = f" {RECOVERY_CODE[:4]}-{RECOVERY_CODE[4:8]}-{RECOVERY_CODE[8:]} ".upper()
    assert client.submit(RECOVERY_PAGE, {"code": shown}).status_code == 302
    assert client.is_signed_in()
    assert left(user) == 0
    assert "0 recovery codes are left" in outbox.deliver()[-1]["Subject"]
    other = app.test_client()
    begin(other, user)
    page = other.submit(RECOVERY_PAGE, {"code": RECOVERY_CODE})
    assert "This recovery code is wrong" in page.text


@pytest.mark.parametrize("wrong", ["3k7mq9xw2fgg", "4k7mq9xw2fgh", "x", "３k7mq9xw2fgh", "-", "²"])
def test_a_wrong_recovery_code_is_refused(client, user, wrong):
    begin(client, user)
    assert "This recovery code is wrong" in client.submit(RECOVERY_PAGE, {"code": wrong}).text
    assert left(user) == 1


def test_a_recovery_code_that_ends_a_void_sign_in_is_not_used_up(client, user, monkeypatch):
    begin(client, user)
    token = client.csrf_token(RECOVERY_PAGE)
    user.password = NEW_PASSWORD
    db.session.commit()
    response = client.post(RECOVERY_PAGE, data={"csrf_token": token, "code": RECOVERY_CODE})
    assert response.location == "/account/login"
    assert left(user) == 1


# Fresh sign-ins


def test_a_fresh_sign_in_takes_a_code_too(client, user):
    client.enter(user)
    db.session.scalars(select(UserSession)).one().authenticated_at = now() - timedelta(hours=1)
    db.session.commit()
    page = f"{MANAGE}/turn-off"
    assert client.get(page).location.startswith("/account/reauthenticate")
    answer = client.submit(f"/account/reauthenticate?next={page}", {"password": PASSWORD})
    assert answer.location == CODE_PAGE
    assert client.get(page).location.startswith("/account/reauthenticate")
    assert enter(client, code()).location == page
    assert client.get(page).status_code == 200


@pytest.fixture
def sensitive_pages(app, make_user):
    """Return the pages whose form asks for the password of a user, of all features."""
    views = app.view_functions
    other = make_user()
    return {
        rule.rule.replace("<int:user_id>", str(other.id))
        for rule in app.url_map.iter_rules()
        if "password_not_enough" in getattr(views.get(rule.endpoint), "closed_to", ())
    }


def make_stale():
    db.session.scalars(select(UserSession)).one().authenticated_at = now() - timedelta(hours=1)
    db.session.commit()


def test_the_password_alone_does_no_sensitive_action(client, make_user, sensitive_pages):
    user = enable(make_user(role="Administrator"))
    client.enter(user)
    make_stale()
    assert {"/account/manage/change-password", "/account/manage/change-email"} <= sensitive_pages
    for page in sensitive_pages:
        assert client.get(page).location.startswith("/account/reauthenticate"), page
        token = client.csrf_token("/account/manage/change-name")
        answer = client.post(page, data={"csrf_token": token, "password": PASSWORD})
        assert answer.location.startswith("/account/reauthenticate"), page
    client.submit("/account/reauthenticate", {"password": PASSWORD})
    enter(client, code())
    for page in sensitive_pages:
        assert 'autocomplete="current-password"' in client.get(page).text


def test_the_password_is_enough_without_a_second_factor(client, admin, sensitive_pages):
    client.enter(admin)
    make_stale()
    for page in sensitive_pages:
        assert client.get(page).status_code == 200


def test_a_password_that_must_change_takes_a_code_too(client, user):
    client.enter(user)
    make_stale()
    user.must_change_password = True
    db.session.commit()
    page = "/account/manage/change-password"
    assert client.get("/account/").location.startswith(page)
    again = client.get(page).location
    assert client.submit(again, {"password": PASSWORD}).location == CODE_PAGE
    assert enter(client, code()).location == page
    fields = {"new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    client.submit(page, {"old_password": PASSWORD, **fields})
    assert user.verify_password(NEW_PASSWORD)


# Trusted browsers


def test_a_trusted_browser_is_not_asked_for_a_code(client, user):
    begin(client, user)
    assert "Trust this browser for 30 days" in client.get(CODE_PAGE).text
    enter(client, code(), trust="y")
    client.delete_cookie("session")
    assert begin(client, user).location == "/account/"
    assert client.is_signed_in()
    assert "Signs in without a code until" in client.get(MANAGE).text


def test_a_trusted_browser_gives_a_code_before_a_sensitive_action(client, user):
    token = devices.trust(user, device="")
    db.session.commit()
    client.set_cookie("trusted_browser", token)
    assert begin(client, user).location == "/account/"
    page = "/account/manage/change-email"
    again = client.get(page).location
    assert again.startswith("/account/reauthenticate")
    assert client.submit(again, {"password": PASSWORD}).location == CODE_PAGE
    assert enter(client, code()).location == page
    assert client.get(page).status_code == 200


def test_the_trust_in_one_browser_ends(client, user, make_user):
    other = make_user()
    for owner, device in ((user, "Old"), (user, "New"), (other, "Foreign")):
        devices.trust(owner, device=device)
    db.session.commit()
    client.enter(user)
    page = client.get(MANAGE).text
    assert page.count(">Ask again<") == 2
    assert "Ask all again" in page
    (new, old), (foreign,) = devices.of_user(user), devices.of_user(other)
    for one in (old, foreign):
        client.submit(f"{MANAGE}/forget-browsers", {"browser": one.id}, form_at=MANAGE)
    assert devices.of_user(user) == [new]
    assert devices.of_user(other) == [foreign]
    assert events().count("two_factor.browser_forgotten") == 1
    assert "Ask all again" not in client.get(MANAGE).text


def test_a_browser_is_not_trusted_unasked(client, user):
    begin(client, user)
    enter(client, code())
    client.delete_cookie("session")
    assert begin(client, user).location == CODE_PAGE


def sign_out(browser, user):
    browser.submit("/account/logout", form_at="/account/manage")


def change_password(browser, user):
    browser.delete_cookie("session")
    user.password = NEW_PASSWORD
    db.session.commit()


def forget_all(browser, user):
    browser.submit(f"{MANAGE}/forget-browsers", form_at=MANAGE)
    browser.delete_cookie("session")


def end_session(browser, user):
    user_access.end_session(user, 0, by=user)
    browser.delete_cookie("session")


def end_sessions(browser, user):
    user_access.end_sessions(user, by=user)
    browser.delete_cookie("session")


def end_sessions_in_bulk(browser, user):
    admin = make_user(role="Administrator")
    operation = bulk.preview("end_sessions", by=admin, user_ids=[user.id])
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)
    browser.delete_cookie("session")


def wait(browser, user):
    browser.delete_cookie("session")
    return timedelta(days=31)


@pytest.mark.parametrize(
    "end",
    [
        *(sign_out, change_password, forget_all, end_session, end_sessions, wait),
        pytest.param(end_sessions_in_bulk, marks=needs("bulk")),
    ],
)
def test_trust_ends(client, user, end, copy_cookies):
    begin(client, user)
    enter(client, code(), trust="y")
    trusted = client.get_cookie("trusted_browser") or next(
        one for one in client._cookies.values() if one.key.startswith("trusted_browser")
    )
    later = now() + (end(client, user) or timedelta(minutes=1))
    client.set_cookie(trusted.key, trusted.value)  # also of a copied cookie
    password = NEW_PASSWORD if end is change_password else PASSWORD
    with time_machine.travel(later, tick=False):
        assert begin(client, user, password=password).location == CODE_PAGE


def test_trust_is_that_of_one_user(client, user, make_user):
    begin(client, user)
    enter(client, code(), trust="y")
    client.delete_cookie("session")
    assert begin(client, enable(make_user())).location == CODE_PAGE


def test_a_site_may_offer_no_trust(app, client, user, monkeypatch):
    monkeypatch.setitem(app.config, "TRUSTED_DEVICE_DAYS", 0)
    begin(client, user)
    assert "Trust this browser" not in client.get(CODE_PAGE).text
    enter(client, code(), trust="y")
    client.delete_cookie("session")
    assert begin(client, user).location == CODE_PAGE


# Keys


def test_a_secret_outlasts_a_rotation_of_the_key(app, client, user, monkeypatch):
    """CF-4"""
    row = db.session.get(TwoFactorSecret, user.id)
    before = row.encrypted
    assert SECRET not in before
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
    monkeypatch.setitem(app.config, "SECRET_KEY", "another key that is only used in tests, 98765")
    begin(client, user)
    assert enter(client, code()).status_code == 302
    db.session.refresh(row)
    assert row.encrypted != before
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [])
    assert SECRETS.decrypt(row.encrypted, user.id) == SECRET


def test_a_secret_is_bound_to_its_user(app, user):
    row = db.session.get(TwoFactorSecret, user.id)
    with pytest.raises(UnreadableSecret):
        SECRETS.decrypt(row.encrypted, user.id + 1)


def test_a_secret_that_cannot_be_read_leaves_the_recovery_codes(client, user):
    row = db.session.get(TwoFactorSecret, user.id)
    row.encrypted = "rubbish"
    db.session.commit()
    begin(client, user)
    page = enter(client, "123456")
    assert page.status_code == 200
    assert "cannot be checked" in page.text
    assert client.submit(RECOVERY_PAGE, {"code": RECOVERY_CODE}).status_code == 302


@needs("health")
def test_doctor_finds_secrets_that_no_key_decrypts(user):
    health = module_of("health")
    check = health._examine("two-factor secrets")
    assert check.ok
    db.session.get(TwoFactorSecret, user.id).encrypted = "rubbish"
    db.session.commit()
    assert "The second factor of 1 users" in health._examine("two-factor secrets").problem


def test_a_fresh_sign_in_for_a_long_url_leads_to_a_page(client, user):
    client.enter(user)
    page = f"/account/reauthenticate?next=/admin/users?q={'x' * 1_200}"
    assert client.submit(page, {"password": PASSWORD}).location == CODE_PAGE
    assert enter(client, code()).location == "/account/"
