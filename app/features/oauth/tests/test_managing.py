"""Users link and unlink accounts of providers, and administrators unlink those of others."""

import pytest
from sqlalchemy import delete, func, select

from app.extensions import db
from app.features.oauth import providers, services, slots
from app.features.oauth.models import LinkedAccount
from app.features.oauth.providers import Identity
from app.features.oauth.tests.support import (
    ADA,
    MANAGE,
    come_back,
    give_account,
    leave,
    link,
    said,
)
from app.kit import slots as kit_slots
from app.models import AuditEvent, Permission, User
from app.services import policy
from app.services.own_account import NotWhileImpersonating
from config import ConfigurationError
from tests.support import module_of, needs

GONE_BACK = "Your session has ended or changed meanwhile."
SETTINGS = {
    **dict.fromkeys(
        (
            *("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GITHUB_CLIENT_ID"),
            *("GITHUB_CLIENT_SECRET", "MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET"),
            "MICROSOFT_TENANT",
        ),
        "",
    ),
    "OIDC_PROVIDERS": {},
}
ACME = {"ISSUER": "https://id.acme.com", "CLIENT_ID": "a", "CLIENT_SECRET": "b", "LABEL": ""}


def count():
    return db.session.scalar(select(func.count()).select_from(LinkedAccount))


def event_of(action):
    query = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id.desc())
    return db.session.scalars(query).first()


# Linking


def test_a_user_links_an_account(client, server, make_user, outbox):
    """AD-4: with an email at the provider that is not verified, and is not the user's own."""
    user = make_user(email="user@example.com")
    client.enter(user)
    server.behave(claims={**ADA, "email_verified": False})
    assert "Your account of Acme is linked." in said(client, link(client, server))
    account = db.session.scalars(select(LinkedAccount)).one()
    assert (account.user_id, account.subject, account.email) == (user.id, "1234", ADA["email"])
    assert event_of("linked_account.linked").details == {"provider": "Acme"}
    assert "Your account of Acme was linked" in outbox.last_text()
    page = client.get(MANAGE).text
    assert "ada@example.com" in page
    assert "not used yet" in page


def test_linking_takes_a_fresh_sign_in(client, server, make_user):
    """SE-8"""
    user = make_user()
    client.enter(user, remembered=True)
    with client.session_transaction() as session:
        session["only_remembered"] = True
    answer = client.submit(f"{MANAGE}/link/acme", form_at=MANAGE)
    assert answer.location == f"/account/reauthenticate?next={MANAGE}/link/acme"


def test_an_account_is_linked_once(app, client, server, make_user):
    give_account(make_user(), server)
    client.enter(make_user())
    assert "is linked to an account here already" in said(client, link(client, server))
    assert count() == 1


def test_accounts_are_limited(client, server, make_user, monkeypatch):
    monkeypatch.setattr(services, "MOST", 1)
    user = make_user()
    give_account(user, server, subject="another")
    client.enter(user)
    assert "Unlink one first." in said(client, link(client, server))


def test_a_link_that_another_user_began_is_not_finished(client, server, make_user):
    client.enter(make_user())
    url = leave(client, path=f"{MANAGE}/link/acme", form_at=MANAGE)
    with client.session_transaction() as session:
        begun = session["begun_at_provider"]
    client.enter(make_user())
    with client.session_transaction() as session:
        session["begun_at_provider"] = begun
    assert GONE_BACK in said(client, come_back(client, server, url))
    assert count() == 0


def test_a_link_is_not_finished_after_signing_out(client, server, make_user):
    client.enter(make_user())
    url = leave(client, path=f"{MANAGE}/link/acme", form_at=MANAGE)
    with client.session_transaction() as session:
        session.pop("_user_id")
    assert GONE_BACK in said(client, come_back(client, server, url))
    assert count() == 0


def must_change_password(user):
    user.must_change_password = True


def lacks_a_second_factor(user):
    module_of("two_factor", "tests.support").demand(user.role)


@pytest.mark.parametrize(
    "begin",
    [must_change_password, pytest.param(lacks_a_second_factor, marks=needs("two_factor"))],
)
def test_a_gate_that_closed_meanwhile_holds_the_link_back(client, server, make_user, begin):
    """AZ-1: the page of the answer is open to these gates, because it confirms sign-ins too."""
    user = make_user()
    client.enter(user)
    url = leave(client, path=f"{MANAGE}/link/acme", form_at=MANAGE)
    begin(user)
    db.session.commit()
    assert come_back(client, server, url).location == f"{MANAGE}/link/acme"
    assert count() == 0
    assert client.get(f"{MANAGE}/link/acme").status_code == 302


def test_a_broken_provider_leads_back_to_the_page(client, server, make_user):
    client.enter(make_user())
    server.behave(denies=True)
    assert link(client, server).location == MANAGE


def test_nothing_changes_while_impersonating(server, make_user, admin, monkeypatch):
    user, identity = make_user(), Identity(issuer=server.url, subject="1234")
    account, provider = give_account(user, server, subject="1"), providers.configured()["acme"]
    monkeypatch.setattr(User, "impersonator", admin)
    for change in (
        lambda: services.link(user, identity, provider),
        lambda: services.confirm(identity, provider, by=user),
        lambda: services.unlink(account, by=user),
    ):
        with pytest.raises(NotWhileImpersonating):
            change()
    assert count() == 1


# Unlinking


def unlink(browser, account):
    return browser.submit(f"{MANAGE}/{account.id}/unlink")


def test_a_user_unlinks_an_account(app, client, server, make_user, outbox):
    """AD-4, SE-3"""
    user, other = make_user(), app.test_client()
    account = give_account(user, server)
    client.enter(user)
    other.enter(user)
    assert "Your account of Acme is unlinked." in said(client, unlink(client, account))
    assert count() == 0
    assert client.is_signed_in()
    assert not other.is_signed_in()
    assert event_of("linked_account.unlinked").details == {"provider": "Acme"}
    assert "Your account of Acme was unlinked" in outbox.last_text()


def without_password(user):
    user.password_hash = None
    db.session.commit()


def test_the_last_way_in_stays(client, server, make_user):
    user = make_user()
    first, second = give_account(user, server), give_account(user, server, subject="2")
    client.enter(user)
    without_password(user)
    unlink(client, second)
    assert "This is your only way to sign in." in said(client, unlink(client, first))
    assert "You have no password." in client.get(MANAGE).text
    new = {"new_password": "a brand new Horse 7", "new_password2": "a brand new Horse 7"}
    client.submit("/account/manage/change-password", new)
    assert user.password_hash is not None
    assert count() == 1


def test_an_account_whose_provider_is_off_is_no_way_in(app, client, server, make_user, monkeypatch):
    user = make_user()
    used, off = give_account(user, server), give_account(user, server, subject="2", provider="gone")
    client.enter(user)
    without_password(user)
    assert "This is your only way to sign in." in said(client, unlink(client, used))
    assert "switched off at present" in client.get(MANAGE).text
    assert kit_slots.has_other_sign_in_method(user, "passkey")
    monkeypatch.setitem(app.config, providers.PROVIDERS, {})
    assert not kit_slots.has_other_sign_in_method(user, "passkey")
    monkeypatch.undo()
    assert "is unlinked" in said(client, unlink(client, off))


@needs("passkeys")
def test_a_passkey_is_another_way_in(client, server, make_user):
    user = make_user()
    account = give_account(user, server)
    module_of("passkeys", "tests.support").give_passkey(user)
    client.enter(user)
    without_password(user)
    unlink(client, account)
    assert count() == 0


def test_an_account_of_somebody_else_is_not_found(client, server, make_user):
    """AZ-2"""
    account = give_account(make_user(), server)
    client.enter(make_user())
    assert client.get(f"{MANAGE}/{account.id}/unlink").status_code == 404


# Administrators


def test_an_administrator_sees_and_unlinks_accounts(app, browser, server, make_user, outbox):
    user, theirs = make_user(), app.test_client()
    give_account(user, server, email="elsewhere@example.com")
    theirs.enter(user)
    assert "elsewhere@example.com" in browser.get(f"/admin/user/{user.id}").text
    answer = browser.submit(f"/admin/user/{user.id}/unlink-accounts")
    assert "are unlinked" in said(browser, answer)
    assert count() == 0
    assert not theirs.is_signed_in()
    event = event_of("linked_account.reset")
    assert (event.subject_id, event.details) == (user.id, {"providers": "Acme"})
    assert "An administrator unlinked all accounts" in outbox.last_text()


def test_nobody_unlinks_accounts_of_someone_above_them(someone_with, admin, server):
    """AZ-4"""
    give_account(admin, server)
    manager = someone_with(Permission.MANAGE_USERS)
    answer = manager.submit(f"/admin/user/{admin.id}/unlink-accounts", form_at="/admin/users")
    assert answer.status_code in {302, 403}
    assert count() == 1


def test_an_administrator_does_not_unlink_their_own_there(browser, admin, server):
    """AD-2"""
    give_account(admin, server)
    path = f"/admin/user/{admin.id}/unlink-accounts"
    browser.submit(path, form_at="/account/manage")
    assert count() == 1


# Data of a user


def test_the_data_of_a_user_has_the_linked_accounts(server, make_user):
    user = make_user()
    give_account(user, server)
    [row] = slots.own_linked_accounts(user)
    assert (row["provider"], row["subject"], row["email"]) == ("acme", "1234", "ada@example.com")


def test_linked_accounts_are_erased_with_their_user(server, make_user):
    user = make_user()
    give_account(user, server)
    db.session.execute(delete(User).where(User.id == user.id))
    db.session.commit()
    assert count() == 0


# Settings


def read(**values):
    return providers.read(SETTINGS | values)


def test_two_settings_switch_a_provider_on():
    assert read() == []
    found = read(
        GOOGLE_CLIENT_ID="a", GOOGLE_CLIENT_SECRET="b", OIDC_PROVIDERS={"acme-staff": ACME}
    )
    assert [(one.name, one.label, one.issuer) for one in found] == [
        ("google", "Google", "https://accounts.google.com"),
        ("acme-staff", "Acme staff", "https://id.acme.com"),
    ]
    assert "'b'" not in repr(found), "a secret stays out of logs"
    [one] = read(MICROSOFT_CLIENT_ID="a", MICROSOFT_CLIENT_SECRET="b", MICROSOFT_TENANT="x.com")
    assert one.issuer == "https://login.microsoftonline.com/x.com/v2.0"
    [one] = read(MICROSOFT_CLIENT_ID="a", MICROSOFT_CLIENT_SECRET="b", MICROSOFT_TENANT="Consumers")
    assert one.issuer.endswith("/consumers/v2.0"), "the rules of a tenant follow its name"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"GITHUB_CLIENT_ID": "a"}, "GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET must be set"),
        ({"OIDC_PROVIDERS": {"acme": ACME | {"CLIENT_SECRET": ""}}}, "OIDC_ACME_CLIENT_ID and"),
        ({"OIDC_PROVIDERS": {"google": ACME}}, "must not name google"),
        ({"OIDC_PROVIDERS": {"acme": ACME | {"ISSUER": ""}}}, "OIDC_ACME_ISSUER must be"),
        ({"OIDC_PROVIDERS": {"acme": ACME | {"ISSUER": "http://id.acme.com"}}}, "ISSUER must be"),
        ({"OIDC_PROVIDERS": {"acme": ACME | {"ISSUER": "https://a.com?b"}}}, "ISSUER must be"),
        ({"OIDC_PROVIDERS": {"acme": ACME | {"LABEL": "x" * 41}}}, "at most 40 characters"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_setting_stops_the_start(values, text):
    """CF-1"""
    with pytest.raises(ConfigurationError, match=text):
        read(**values)


def test_settings_of_further_providers_are_read_by_name(production):
    app = production(
        OIDC_PROVIDERS="acme, partner-two",
        OIDC_ACME_ISSUER="https://id.acme.com",
        OIDC_ACME_CLIENT_ID="a",
        OIDC_ACME_CLIENT_SECRET="b",
        OIDC_PARTNER_TWO_ISSUER="https://id.partner.com/realms/two",
        OIDC_PARTNER_TWO_CLIENT_ID="c",
        OIDC_PARTNER_TWO_CLIENT_SECRET="d",
        OIDC_PARTNER_TWO_LABEL="Our partner",
    )
    found = app.config[providers.PROVIDERS]
    assert [one.label for one in found.values()] == ["Acme", "Our partner"]


def test_doctor_asks_each_provider(server):
    """CF-1"""
    assert slots.providers_answer() is None
    server.behave(at={"/keys": 404})
    slots.current_app.extensions.pop("descriptions_of_providers")
    finding = slots.providers_answer()
    assert "Nobody can sign in with Acme: it answered with status 404." in finding.problem


def test_an_administrator_with_a_linked_account_alone_counts(app, server, monkeypatch, make_user):
    """AD-1"""
    user = make_user(role="Administrator")
    user.password_hash = None
    db.session.commit()
    give_account(user, server, provider="gone")
    assert not policy.has_administrator()
    give_account(user, server, subject="2")
    assert policy.has_administrator()
    monkeypatch.setitem(app.config, providers.PROVIDERS, {})
    assert not policy.has_administrator()
