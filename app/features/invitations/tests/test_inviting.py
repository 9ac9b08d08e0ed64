"""Test inviting users in the admin."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.invitations import invitations
from app.models import EmailMessage, Role, User
from tests.support import links, needs, path_of

NEW = "xK3#vQ9!mZ2p"


PERSON = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}


PAGE = "/admin/invite-user"


@pytest.fixture
def browser(client, admin):
    client.enter(admin)
    return client


def role(name):
    return db.session.scalar(select(Role).where(Role.name == name))


def test_someone_who_is_invited_chooses_a_password_and_signs_in(browser, app, outbox):
    browser.submit("/admin/invite-user", {**PERSON, "role": role("Administrator").id})
    user = User.by_email("grace@example.com")
    assert user.status == "invited"
    link = path_of(links(outbox.last_text())[0])
    guest = app.test_client()
    assert "Grace" in guest.get(link).text
    assert guest.submit(link, {"password": NEW, "password2": NEW}).location == "/account/login"
    assert user.status == "active"
    guest.sign_in("grace@example.com", NEW)
    assert guest.get("/admin/").status_code == 200


def test_an_invitation_is_sent_again(browser, make_user, outbox):
    user = make_user(invited=True)
    response = browser.submit(f"/admin/user/{user.id}/resend-invite", form_at="/")
    assert response.status_code == 302
    (mail,) = outbox.deliver()
    assert mail["To"] == user.email


def test_an_invitation_is_revoked_after_asking(browser, make_user, app):
    user = make_user(invited=True)
    token, user_id = user.generate_invite_token(), user.id
    path = f"/admin/user/{user_id}/revoke-invite"
    assert user.email in browser.get(path).text
    assert db.session.get(User, user_id)
    response = browser.submit(path)
    assert response.location == "/admin/invitations"
    assert db.session.get(User, user_id) is None
    assert app.test_client().get(f"/account/join-from-invite/{user_id}/{token}").status_code == 404


@needs("deletion")
def test_deleting_someone_cancels_the_mail_that_waits_for_them(browser, admin, make_user, outbox):
    """AD-7"""
    other = make_user(invited=True)
    invitations.resend(other, by=admin)
    db.session.commit()
    browser.submit(f"/admin/user/{other.id}/delete")
    sent = [mail["Subject"] for mail in outbox.deliver()]
    assert len(sent) == 1
    assert "deleted" in sent[0]


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.com", "ada@ｅxample.com"])
def test_a_taken_address_is_said_and_nothing_is_lost(browser, make_user, email):
    """IN-4"""
    make_user(email="ada@example.com")
    data = {**PERSON, "email": email, "role": role("User").id}
    page = browser.submit(PAGE, data)
    assert page.status_code == 200
    assert "already exists" in page.text
    assert 'value="Grace"' in page.text
    assert db.session.query(User).filter_by(email="ada@example.com").count() == 1


@pytest.mark.parametrize(
    "choice", ["", "0", "-1", "255", "99999", "1" + "0" * 20, "abc", "1.0", "0xff"]
)
def test_only_roles_that_there_are_can_be_given(browser, choice):
    """AZ-4, IN-1"""
    data = {**PERSON, "role": choice}
    page = browser.submit(PAGE, data)
    assert page.status_code == 200
    assert User.by_email("grace@example.com") is None


def test_a_new_person_is_no_administrator_unless_chosen(browser):
    """AZ-1: the form preselects the default role."""
    page = browser.get(PAGE).text
    chosen = [option for option in page.split("<option") if " selected" in option.split(">")[0]]
    assert [option.split(">")[1].split("<")[0] for option in chosen] == ["User"]


def test_fields_that_a_form_does_not_have_are_ignored(browser):
    """AZ-3"""
    extra = {"id": "77", "permissions": "255", "password_hash": "x", "created_at": "2000-01-01",
             "suspended_at": "2000-01-01", "invited_at": "", "is_admin": "1",
             "role_id": str(role("Administrator").id)}  # fmt: skip
    browser.submit(PAGE, {**PERSON, **extra, "role": role("User").id})
    user = User.by_email("grace@example.com")
    assert user.id != 77
    assert not user.is_admin()
    assert user.created_at.year > 2000
    assert user.suspended_at is None


def sent_kinds():
    return db.session.scalars(select(EmailMessage.message).order_by(EmailMessage.id)).all()


@pytest.mark.parametrize("action", ["resend-invite", "revoke-invite"])
def test_there_is_no_invitation_to_someone_who_has_joined(browser, make_user, action):
    user = make_user()
    page = browser.submit(f"/admin/user/{user.id}/{action}", form_at="/", follow_redirects=True)
    assert "no open invitation" in page.text
    assert db.session.get(User, user.id)
    assert sent_kinds() == []
