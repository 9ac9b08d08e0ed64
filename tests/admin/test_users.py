"""Find, create, change and delete users."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.models import User
from app.services import policy, users
from tests.factories import make_role
from tests.support import PASSWORD, module_of
from tests.user_form import PERSON, UserFormChecks, role

NEW = "xK3#vQ9!mZ2p"
deletions = module_of("deletion", "deletions")
PAGE = "/admin/new-user"
PASSWORDS = {"password": NEW, "password2": NEW}


def sent_kinds():
    return db.session.scalars(select(EmailMessage.message).order_by(EmailMessage.id)).all()


# Creating users


def test_an_administrator_creates_someone_who_can_sign_in_at_once(browser, app, outbox):
    data = {**PERSON, "role": role("User").id, "password": NEW, "password2": NEW}
    response = browser.submit("/admin/new-user", data)
    user = User.by_email("grace@example.com")
    assert response.location == f"/admin/user/{user.id}"
    (mail,) = outbox.deliver()
    assert mail["To"] == "grace@example.com"
    assert NEW not in mail.as_string(), "AD-3: passwords do not travel by mail"
    other = app.test_client()
    other.sign_in("grace@example.com", NEW)
    assert other.is_signed_in()
    assert other.get("/admin/").status_code == 403


@pytest.mark.parametrize("password", [PASSWORD, "", "None", " "])
def test_an_invited_user_cannot_sign_in_without_a_password(client, make_user, password):
    """PW-6"""
    user = make_user(invited=True)
    client.submit("/account/login", {"email": user.email, "password": password})
    assert not client.is_signed_in()


class TestNewUserForm(UserFormChecks):
    path = PAGE
    more = PASSWORDS


def test_changing_an_address_changes_nothing_else(browser, make_user):
    """AZ-3"""
    user = make_user()
    extra = {"role": role("Administrator").id, "role_id": "2", "confirmed": "", "password": NEW}
    browser.submit(f"/admin/user/{user.id}/change-email", {"email": "new@example.com", **extra})
    assert user.email == "new@example.com"
    assert not user.is_admin()
    assert user.verify_password(PASSWORD)


# Changing users


def test_both_addresses_are_told_of_a_change(browser, make_user, outbox):
    """AD-4"""
    user = make_user(email="old@example.com")
    browser.submit(f"/admin/user/{user.id}/change-email", {"email": "New@Example.com"})
    assert sorted(mail["To"] for mail in outbox.deliver()) == ["new@example.com", "old@example.com"]


def test_the_owner_is_told_of_a_new_role_and_a_suspension(browser, make_user, outbox):
    """AD-4"""
    user = make_user()
    address = user.email
    base = f"/admin/user/{user.id}"
    browser.submit(f"{base}/change-account-type", {"role": role("Administrator").id})
    assert user.is_admin()
    for action in ("suspend", "reactivate"):
        browser.submit(f"{base}/{action}", form_at="/")
    assert sent_kinds() == ["role_changed", "account_suspended", "account_reactivated"]
    assert {mail["To"] for mail in outbox.deliver()} == {address}


# The last administrator, and the user's own account


ACTIONS_TRIED = ["suspend", "change-account-type", *(["delete"] if deletions else [])]


def do(browser, user, action):
    data = {"role": role("User").id} if action == "change-account-type" else {}
    return browser.submit(
        f"/admin/user/{user.id}/{action}", data, form_at="/", follow_redirects=True
    )


@pytest.mark.parametrize("action", ACTIONS_TRIED)
def test_administrators_do_not_do_it_to_themselves(browser, admin, make_user, action):
    """AD-2"""
    make_user(role="Administrator")
    page = do(browser, admin, action)
    assert "your own account" in page.text
    assert db.session.get(User, admin.id).status == "active"
    assert admin.is_admin()


@pytest.mark.parametrize("action", ACTIONS_TRIED)
def test_one_of_two_administrators_can_be_removed(browser, make_user, action):
    other = make_user(role="Administrator")
    other_id = other.id
    do(browser, other, action)
    remains = db.session.get(User, other_id)
    assert remains.is_deleted or remains.is_suspended or not remains.is_admin()


SERVICES = [users.suspend, users.change_role, *([deletions.delete] if deletions else [])]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("others", ["none", "suspended", "invited", "unconfirmed"])
def test_the_last_one_who_can_administer_stays(app, make_user, service, others):
    """AD-1: commands refuse too, and users who cannot sign in do not count."""
    last = make_user(role="Administrator")
    if others != "none":
        traits = {"unconfirmed": {"confirmed": False}}.get(others, {others: True})
        make_user(role="Administrator", **traits)
    options = {"role": role("User")} if service is users.change_role else {}
    with pytest.raises(policy.LastAdministrator):
        service(last, by=None, **options)
    remains = db.session.get(User, last.id)
    assert remains.is_admin()
    assert remains.status == "active"
    assert sent_kinds() == []


def test_another_role_with_all_permissions_keeps_someone_an_administrator(app, make_user):
    """AD-1: the permissions count, not the name of the role."""
    owner = make_role("Owner", 0x1FF)
    last = make_user(role="Administrator")
    make_user(role="Administrator", suspended=True)
    users.change_role(last, role=owner, by=None)
    assert last.is_admin()
    with pytest.raises(policy.LastAdministrator):
        users.change_role(last, role=role("User"), by=None)


# Missing permissions


@pytest.mark.parametrize("action", [*ACTIONS_TRIED, "change-email", ""])
def test_without_the_permission_no_other_user_is_shown(client, make_user, action):
    """AZ-2: the answer is the same for users who exist and users who do not."""
    user = make_user()
    client.enter(make_user())
    answers = []
    for user_id in (user.id, 2_000_000_000):
        page = client.get(f"/admin/user/{user_id}/{action}".rstrip("/"))
        answers.append((page.status_code, len(page.text)))
        assert user.email not in page.text
    assert answers[0] == answers[1]
    assert answers[0][0] in {403, 405}
