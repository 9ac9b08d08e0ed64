"""Accounts are not prepared for the owner of an email, neither with a password nor elsewhere.

Pre-hijacking: Sudhodanan and Paverd, USENIX Security 2022.
"""

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.oauth.models import LinkedAccount
from app.features.oauth.tests.support import ADA, LOGIN, MANAGE, said, sign_in
from app.kit.database import now
from app.models import AuditEvent, User
from app.services import unconfirmed
from app.services.mailed_links import LinkRefused
from app.services.register import confirm
from tests.fixtures.strangers import COLLEAGUE, OWN, PERSON, STRANGERS, account
from tests.support import links, path_of


@pytest.fixture(autouse=True)
def vouched(server):
    server.behave(claims={**ADA, "email": COLLEAGUE})


def event(action):
    return db.session.scalars(select(AuditEvent).where(AuditEvent.action == action)).one()


def test_a_strangers_registration_gives_way_to_the_owner_at_a_provider(
    app, server, stranger, outbox
):
    outbox.deliver()
    (link,) = (one for one in links(outbox.last_text()) if "/confirm-account/" in one)
    squatted = account()
    reset = squatted.generate_password_reset_token()
    number = squatted.id
    owner = app.test_client()
    assert "You are signed in." in said(owner, sign_in(owner, server))
    db.session.expire_all()
    user = account()
    assert user.id != number
    assert (user.status, user.password_hash, user.first_name) == ("active", None, "Ada")
    assert event("user.gave_way").subject_id == number
    assert event("user.gave_way").actor_label == COLLEAGUE
    # The session, the cookie, the password and the links of the stranger stop working.
    assert not stranger.is_signed_in()
    data = {"email": COLLEAGUE, "password": STRANGERS}
    assert stranger.submit(LOGIN, data).status_code == 200
    assert "does not work" in stranger.get(path_of(link)).text
    assert stranger.get(f"/account/reset-password/{reset}").status_code == 404
    with pytest.raises(LinkRefused):
        confirm(path_of(link).rsplit("/", 1)[1], keep_password=False)
    db.session.expire_all()
    assert account().password_hash is None


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"confirmed": False, "suspended": True},
        {"confirmed": False, "deleted_at": now()},
        {"invited": True},
    ],
    ids=["confirmed", "suspended", "deleted", "invited"],
)
def test_no_other_account_gives_way(client, server, make_user, state):
    user = make_user(email=COLLEAGUE, **state)
    before = user.password_hash
    sign_in(client, server)
    assert not client.is_signed_in()
    db.session.expire_all()
    assert (account().id, account().password_hash) == (user.id, before)
    assert db.session.scalar(select(func.count()).select_from(LinkedAccount)) == 0


@pytest.mark.parametrize("mode", ["closed", "invite-only"])
def test_a_registration_stays_where_nobody_registers(
    app, client, server, stranger, monkeypatch, mode
):
    monkeypatch.setitem(app.config, "REGISTRATION", mode)
    number = account().id
    sign_in(client, server)
    assert account().id == number


def test_an_email_that_the_provider_does_not_vouch_for_moves_nobody(client, server, stranger):
    server.behave(claims={**ADA, "email": COLLEAGUE, "email_verified": False})
    number = account().id
    sign_in(client, server)
    assert account().id == number


def test_a_provider_gives_the_owner_the_account(squatted, app, server):
    """SE-3: with each way in of a stranger (tests.fixtures.strangers)."""
    for number, (_stranger, email) in enumerate(squatted):
        server.behave(claims={**ADA, "email": email, "sub": f"owner {number}"})
        owner = app.test_client()
        assert "You are signed in." in said(owner, sign_in(owner, server))
        user = User.by_email(email)
        assert (user.first_name, user.password_hash) == ("Ada", None)


def test_an_account_that_an_administrator_vouched_for_stays(squatted, app, server, outbox):
    """It may have a role, which a new registration would not get."""
    for number, (_stranger, email) in enumerate(squatted):
        user = User.by_email(email)
        unconfirmed.void_password(user, by=None)
        db.session.commit()
        server.behave(claims={**ADA, "email": email, "sub": f"owner {number}"})
        owner = app.test_client()
        assert "Sign in first" in said(owner, sign_in(owner, server)).replace("\n", " ")
        assert User.by_email(email).id == user.id
        new = {"new_password": OWN, "new_password2": OWN}
        owner.submit(f"/account/reset-password/{user.generate_password_reset_token()}", new)


def test_a_strangers_account_at_a_provider_opens_nothing_of_the_owner(app, server, stranger):
    """The other way round: the stranger waits with a linked account, and not with a password."""
    assert stranger.get(f"{MANAGE}/link/acme").location == "/account/unconfirmed"
    server.behave(claims={**ADA, "email": COLLEAGUE, "email_verified": False})
    other = app.test_client()
    sign_in(other, server)
    assert not other.is_signed_in()
    # The owner confirms the email, and chooses a password.
    token = account().generate_confirmation_token()
    confirm(token, keep_password=False)
    sign_in(other, server)
    assert not other.is_signed_in()
    assert db.session.scalar(select(func.count()).select_from(LinkedAccount)) == 0


def test_the_owner_registers_once_the_provider_has(client, app, server, outbox):
    """A password of a later registration counts for nothing in the account of the provider."""
    sign_in(client, server)
    app.test_client().submit("/account/register", PERSON)
    db.session.expire_all()
    assert account().password_hash is None
    assert db.session.scalar(select(func.count()).select_from(User)) == 1
