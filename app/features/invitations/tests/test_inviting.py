"""Test inviting users in the admin."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.invitations import invitations
from app.features.invitations.links import invite_token
from app.kit.mail.email_message import EmailMessage
from app.models import User
from tests.support import links, needs, path_of
from tests.user_form import PERSON, UserFormChecks, role

NEW = "xK3#vQ9!mZ2p"


PAGE = "/admin/invite-user"


def test_an_invited_user_chooses_a_password_and_signs_in(browser, app, outbox):
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
    token, user_id = invite_token(user), user.id
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


class TestInviteForm(UserFormChecks):
    path = PAGE


def sent_kinds():
    return db.session.scalars(select(EmailMessage.message).order_by(EmailMessage.id)).all()


@pytest.mark.parametrize("action", ["resend-invite", "revoke-invite"])
def test_there_is_no_invitation_to_someone_who_has_joined(browser, make_user, action):
    user = make_user()
    page = browser.submit(f"/admin/user/{user.id}/{action}", form_at="/", follow_redirects=True)
    assert "no open invitation" in page.text
    assert db.session.get(User, user.id)
    assert sent_kinds() == []
