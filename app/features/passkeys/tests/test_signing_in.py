"""Signing in by passkey, alone and after the password."""

import json
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app.extensions import db
from app.features.passkeys import challenges, services
from app.features.passkeys.browser import NOT_SENT, NOT_VERIFIED, REFUSALS
from app.features.passkeys.models import Passkey, UsedChallenge
from app.features.passkeys.signing import AccountClosed, CopiedPasskey, UnknownPasskey
from app.features.passkeys.tests.authenticator import (
    ELIGIBLE,
    PRESENT,
    VERIFIED,
    Authenticator,
    decoded,
)
from app.features.passkeys.tests.support import (
    FRESH,
    LOGIN,
    SECOND_STEP,
    give_passkey,
    give_password,
    options,
    send,
    sign_in,
)
from app.kit import clean_up
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, UserSession
from tests.support import PASSWORD, module_of, needs

SIGN_IN = "/account/login"


@pytest.fixture
def user(make_user):
    return make_user()


@pytest.fixture
def passkey(user):
    return give_passkey(user)


def sessions_of(user):
    return db.session.scalars(select(UserSession).where(UserSession.user_id == user.id)).all()


def events(action):
    return db.session.scalars(select(AuditEvent).where(AuditEvent.action == action)).all()


def message(browser):
    return browser.get(SIGN_IN).text


def signed(browser, passkey, **values):
    return passkey.sign(options(browser, LOGIN, form_at=SIGN_IN).json, **values)


def give(browser, answer):
    return send(browser, LOGIN, answer, form_at=SIGN_IN)


def test_a_passkey_signs_in_without_an_email_address(client, user, passkey):
    given = options(client, LOGIN, form_at=SIGN_IN).json
    assert given["allowCredentials"] == []
    assert (given["rpId"], given["userVerification"]) == ("localhost", "required")
    answer = sign_in(client, passkey)
    assert answer.location == "/account/"
    assert client.is_signed_in()
    (session,) = sessions_of(user)
    assert session.has_second_factor
    assert not session.remembered
    (event,) = events("session.started")
    assert event.details["way"] == "passkey"
    (row,) = services.of_user(user)
    assert row.last_used_at is not None


def test_it_leads_to_the_wanted_page_and_remembers(client, user, passkey):
    answer = signed(client, passkey)
    page = f"{SIGN_IN}?next=/account/manage/devices"
    sent = {"credential": json.dumps(answer), "remember_me": "y"}
    response = client.submit(f"{LOGIN}?next=/account/manage/devices", sent, form_at=page)
    assert response.location == "/account/manage/devices"
    assert sessions_of(user)[0].remembered


def test_it_leads_to_no_other_site(client, passkey):
    answer = signed(client, passkey)
    sent = {"credential": json.dumps(answer)}
    response = client.submit(f"{LOGIN}?next=//evil.example", sent, form_at=SIGN_IN)
    assert response.location == "/account/"


def test_a_challenge_is_answered_once(client, app, user, passkey):
    """Also by the very cookies that it was made for."""
    answer = signed(client, passkey)
    with client.session_transaction() as session:
        before = dict(session)
    assert give(client, answer).location == "/account/"
    thief = app.test_client()
    with thief.session_transaction() as session:
        session.update(before)
    assert "account/login" in give(thief, answer).location
    assert NOT_VERIFIED in message(thief)
    assert len(sessions_of(user)) == 1


def test_a_challenge_is_for_the_session_that_asked(client, app, passkey):
    answer = signed(client, passkey)
    other = app.test_client()
    options(other, LOGIN, form_at=SIGN_IN)
    give(other, answer)
    assert NOT_VERIFIED in message(other)
    assert not other.is_signed_in()


def test_a_challenge_is_valid_for_five_minutes(client, passkey):
    answer = signed(client, passkey)
    with time_machine.travel(now() + timedelta(seconds=challenges.SECONDS + 1)):
        give(client, answer)
        assert NOT_VERIFIED in message(client)
    answer = signed(client, passkey)
    with time_machine.travel(now() + timedelta(seconds=challenges.SECONDS - 5)):
        assert give(client, answer).location == "/account/"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://localhost"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://evil.example"},
        {"domain": "evil.example"},
    ],
)
def test_an_answer_of_another_site_is_refused(client, passkey, wrong):
    give(client, signed(client, passkey, **wrong))
    assert NOT_VERIFIED in message(client)
    assert not client.is_signed_in()


def forged(answer, passkey):
    """Return the answer with the signature of another key."""
    thief = Authenticator()
    thief.credential_id, thief.handle = passkey.credential_id, passkey.handle
    return answer | {"response": thief.sign(challenge_in(answer))["response"]}


def challenge_in(answer):
    return json.loads(decoded(answer["response"]["clientDataJSON"]))


def without_handle(answer, _passkey):
    return answer | {"response": answer["response"] | {"userHandle": None}}


def of_another_user(answer, _passkey):
    return answer | {"response": answer["response"] | {"userHandle": "AAAA"}}


@pytest.mark.parametrize("change", [forged, without_handle, of_another_user])
def test_a_forged_answer_is_refused(client, passkey, change):
    give(client, change(signed(client, passkey), passkey))
    assert NOT_VERIFIED in message(client)
    assert not client.is_signed_in()
    (event,) = events("passkey.refused")
    assert event.details == {"reason": "The answer could not be verified"}


def test_the_authenticator_verifies_its_user(client, user):
    give(client, signed(client, give_passkey(user, Authenticator(flags=PRESENT))))
    assert NOT_VERIFIED in message(client)
    assert not client.is_signed_in()


def test_an_unknown_passkey_is_refused(client):
    give(client, signed(client, Authenticator()))
    assert REFUSALS[UnknownPasskey] in message(client)
    assert len(events("passkey.refused")) == 1


def test_refusals_fill_no_audit_trail(client):
    for _ in range(5):
        give(client, signed(client, Authenticator()))
    assert len(events("passkey.refused")) == 1


def test_a_counter_grows(client, user):
    passkey = give_passkey(user, Authenticator(count=7))
    passkey.count = 8
    assert sign_in(client, passkey).location == "/account/"
    assert services.of_user(user)[0].sign_count == 8


@pytest.mark.parametrize("count", [0, 6, 7])
def test_a_counter_that_does_not_grow_is_a_copy(client, user, count):
    passkey = give_passkey(user, Authenticator(count=7))
    passkey.count = count
    sign_in(client, passkey)
    assert REFUSALS[CopiedPasskey] in message(client)
    assert not client.is_signed_in()
    (event,) = events("passkey.copy_refused")
    assert (event.subject_id, event.details) == (user.id, {"passkey": "Key"})
    (mail,) = db.session.scalars(select(EmailMessage)).all()
    assert mail.context["change"] == "copied"
    assert services.of_user(user)[0].sign_count == 7
    sign_in(client, passkey)
    assert len(events("passkey.copy_refused")) == 1
    assert db.session.scalar(select(func.count(EmailMessage.id))) == 1


def test_the_state_of_the_backup_is_kept(client, user, passkey):
    passkey.flags &= ~0x10
    sign_in(client, passkey)
    row = services.of_user(user)[0]
    assert row.is_backup_eligible
    assert not row.is_backed_up


@pytest.mark.parametrize("flags", [PRESENT | VERIFIED, PRESENT | VERIFIED | ELIGIBLE])
def test_a_key_of_one_device_stays_so_and_a_synced_one_too(client, user, flags):
    """WebAuthn Level 3, section 7.2: whether a passkey may be copied never changes."""
    passkey = give_passkey(user, Authenticator(flags=flags))
    passkey.flags ^= ELIGIBLE
    sign_in(client, passkey)
    assert NOT_VERIFIED in message(client)
    assert not client.is_signed_in()


@pytest.mark.parametrize("state", ["suspended_at", "deleted_at"])
def test_a_closed_account_stays_closed(client, user, passkey, state):
    setattr(user, state, now())
    db.session.commit()
    sign_in(client, passkey)
    assert REFUSALS[AccountClosed] in message(client)
    assert not client.is_signed_in()


def test_an_unconfirmed_user_confirms_first(client, make_user):
    user = make_user(confirmed=False)
    sign_in(client, give_passkey(user))
    assert client.get("/account/manage").location == "/account/unconfirmed"


def test_a_user_who_must_change_the_password_does(client, user, passkey):
    user.must_change_password = True
    db.session.commit()
    sign_in(client, passkey)
    assert "/account/manage/change-password" in client.get("/account/manage").location


def test_a_removed_passkey_signs_nobody_in(client, user, passkey):
    answer = signed(client, passkey)
    db.session.delete(services.of_user(user)[0])
    db.session.commit()
    give(client, answer)
    assert REFUSALS[UnknownPasskey] in message(client)


def test_a_form_without_a_passkey_is_no_sign_in(client):
    assert client.submit(LOGIN, {}, form_at=SIGN_IN).status_code == 400


def test_without_javascript_the_second_step_says_so(client, user):
    give_passkey(user, is_asked=True)
    give_password(client, user)
    assert NOT_SENT in client.submit(SECOND_STEP).text


def test_a_get_offers_nothing(client):
    assert client.get(LOGIN).status_code == 405
    assert client.get(f"{LOGIN}/options").status_code == 405


def test_options_need_a_token_of_the_session(client):
    assert (
        client.post(f"{LOGIN}/options", headers={"Accept": "application/json"}).status_code == 400
    )


# After the password


def test_a_password_alone_is_enough_unless_the_user_chose_otherwise(client, user, passkey):
    give_password(client, user)
    assert client.is_signed_in()


def test_a_passkey_is_asked_after_the_password(client, user):
    passkey = give_passkey(user, is_asked=True)
    assert give_password(client, user).location == SECOND_STEP
    assert not client.is_signed_in()
    given = options(client, SECOND_STEP).json
    assert [one["id"] for one in given["allowCredentials"]] == [passkey.sign(given)["id"]]
    assert given["userVerification"] == "preferred"
    assert send(client, SECOND_STEP, passkey.sign(given)).location == "/account/"
    assert client.is_signed_in()
    assert sessions_of(user)[0].has_second_factor
    (event,) = events("session.started")
    assert event.details["way"] == "password, passkey"


def test_a_key_that_verifies_nobody_is_enough_after_the_password(client, user):
    passkey = give_passkey(user, Authenticator(flags=PRESENT), is_asked=True)
    give_password(client, user)
    send(client, SECOND_STEP, passkey.sign(options(client, SECOND_STEP).json))
    assert client.is_signed_in()


def test_the_passkey_of_another_user_is_no_second_step(client, user, make_user):
    give_passkey(user, is_asked=True)
    other = give_passkey(make_user())
    give_password(client, user)
    page = send(client, SECOND_STEP, other.sign(options(client, SECOND_STEP).json)).text
    assert REFUSALS[UnknownPasskey] in page
    assert not client.is_signed_in()


def test_an_answer_to_one_page_is_worth_nothing_at_another(client, app, user):
    passkey = give_passkey(user, is_asked=True)
    answer = signed(client, passkey)
    give_password(client, user)
    assert NOT_VERIFIED in send(client, SECOND_STEP, answer).text
    second = passkey.sign(options(client, SECOND_STEP).json)
    give(client, second)
    assert not client.is_signed_in()


def test_without_a_sign_in_that_waits_there_is_nothing_to_finish(client, passkey):
    assert client.get(SECOND_STEP).location == SIGN_IN
    assert options(client, SECOND_STEP, form_at=SIGN_IN).location == SIGN_IN


def test_the_passkey_without_the_password_skips_the_second_step(client, user):
    sign_in(client, give_passkey(user, is_asked=True))
    assert client.is_signed_in()


@needs("two_factor")
def test_a_passkey_stands_in_for_the_code_of_an_app(client, user, passkey):
    module_of("two_factor", "tests.support").enable(user)
    page = give_password(client, user).location
    assert f'href="{SECOND_STEP}">Use a passkey<' in client.get(page).text
    given = options(client, SECOND_STEP).json
    assert page in client.get(SECOND_STEP).text
    send(client, SECOND_STEP, passkey.sign(given))
    assert client.is_signed_in()


@needs("two_factor")
def test_a_passkey_alone_is_not_followed_by_a_code(client, user, passkey):
    module_of("two_factor", "tests.support").enable(user)
    sign_in(client, passkey)
    assert client.is_signed_in()


# A fresh sign-in


def test_a_passkey_makes_a_sign_in_fresh(client, user, passkey):
    with time_machine.travel(now() - timedelta(hours=2)):
        client.enter(user)
    wanted = "/account/manage/passkeys/add"
    page = client.get(wanted).location
    assert "Use a passkey" in client.get(page).text
    token = sessions_of(user)[0].token_hash
    answer = passkey.sign(options(client, FRESH, form_at=page).json)
    response = send(client, f"{FRESH}?next={wanted}", answer, form_at=page)
    assert response.location == wanted
    assert client.get(wanted).status_code == 200
    (session,) = sessions_of(user)
    assert session.token_hash != token
    assert session.has_second_factor


def test_the_passkey_of_another_user_makes_nothing_fresh(client, user, passkey, make_user):
    other = give_passkey(make_user())
    with time_machine.travel(now() - timedelta(hours=2)):
        client.enter(user)
    answer = other.sign(options(client, FRESH, form_at="/account/reauthenticate").json)
    send(client, FRESH, answer, form_at="/account/reauthenticate")
    assert REFUSALS[UnknownPasskey] in client.get("/account/reauthenticate").text
    assert "reauthenticate" in client.get("/account/manage/passkeys/add").location


def test_users_without_a_passkey_are_offered_none(client, user):
    client.enter(user)
    assert "Use a passkey" not in client.get("/account/reauthenticate").text


def test_answered_challenges_are_deleted_once_they_have_expired(client, user, passkey):
    sign_in(client, passkey)
    assert clean_up.run()["answered challenges of passkeys"] == 0
    with time_machine.travel(now() + timedelta(seconds=challenges.SECONDS + 1)):
        assert clean_up.run()["answered challenges of passkeys"] == 1
    assert db.session.scalar(select(func.count(UsedChallenge.nonce))) == 0


def test_the_password_still_works(client, user, passkey):
    client.sign_in(user.email, PASSWORD)
    assert client.is_signed_in()
    assert db.session.scalar(select(func.count(Passkey.id))) == 1
