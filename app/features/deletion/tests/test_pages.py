"""Delete the user's own account, and try to sign in to a deleted account."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.extensions import db
from app.features.deletion import deletions
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, UserSession
from tests.support import PASSWORD, links

NEW = "xK3#vQ9!mZ2p"
PATH = "/account/manage/delete"


def kinds():
    return db.session.scalars(select(EmailMessage.message).order_by(EmailMessage.id)).all()


def test_users_delete_their_own_account(client, app, make_user, outbox):
    user = make_user(email="ada@example.com")
    client.sign_in(user.email)
    other = app.test_client()
    other.sign_in(user.email)
    response = client.submit(PATH, {"password": PASSWORD})
    assert response.location == "/"
    assert "can be restored for 30 days" in client.get("/").text
    assert user.status == "deleted"
    assert not client.is_signed_in()
    assert not other.is_signed_in()
    mail = outbox.last_text()
    assert "was deleted" in mail
    assert "can restore it" in mail
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.action, event.actor_id, event.subject_id) == ("user.deleted", user.id, user.id)


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " "])
def test_the_password_is_asked_for(client, make_user, password):
    user = make_user()
    client.enter(user)
    page = client.submit(PATH, {"password": password})
    assert page.status_code == 200
    assert user.status == "active"
    refused = db.session.scalars(select(AuditEvent.action)).all().count("user.deletion_refused")
    assert refused == bool(password), "AD-5"


def test_guesses_at_the_password_are_limited(client, make_user):
    """RL-1"""
    client.enter(make_user())
    answers = [client.submit(PATH, {"password": "x"}).status_code for _ in range(12)]
    assert answers[-1] == 429


def test_the_last_administrator_stays(client, admin):
    """AD-1"""
    client.enter(admin)
    page = client.submit(PATH, {"password": PASSWORD})
    assert "Nobody else could administer" in page.text
    assert admin.status == "active"
    assert client.is_signed_in()


def test_one_of_two_administrators_may_go(client, admin, make_user):
    make_user(role="Administrator")
    client.enter(admin)
    client.submit(PATH, {"password": PASSWORD})
    assert admin.is_deleted


def test_looking_at_the_page_deletes_nobody(client, make_user):
    """CS-2"""
    user = make_user()
    client.enter(user)
    assert "For 30 days" in client.get(PATH).text
    assert user.status == "active"


# Answers of deleted accounts


def test_a_deleted_account_is_no_way_in(client, gone):
    """The answer is the same as for an unknown email."""
    answers = []
    for email in (gone.email, "nobody@example.com"):
        page = client.submit("/account/login", {"email": email, "password": PASSWORD})
        answers.append(re.sub(r'value="[^"]*"|nonce-?="?[^"]+"', "", page.text))
    assert answers[0] == answers[1]
    assert not client.is_signed_in()


def test_an_old_session_of_a_deleted_account_is_closed(client, make_user, admin):
    user = make_user()
    client.enter(user)
    user.deleted_at = user.created_at
    db.session.commit()
    assert not client.is_signed_in()


def test_a_reset_of_a_deleted_account_tells_its_owner_the_truth(client, gone, outbox):
    page = client.submit("/account/reset-password", {"email": "Gone@Example.com"})
    assert page.location == "/account/login"
    assert kinds() == ["address_reserved"]
    text = outbox.last_text()
    assert "was deleted" in text
    assert "can restore" in text
    assert not [link for link in links(text) if "reset" in link]


def test_registering_with_its_address_tells_its_owner_the_truth(client, gone, outbox):
    person = {"first_name": "G", "last_name": "G", "email": "gone@example.com"}
    passwords = {"password": NEW, "password2": NEW}
    page = client.submit("/account/register", {**person, **passwords})
    assert page.location == "/account/login"
    assert kinds() == ["address_reserved"]
    assert "erased" in outbox.last_text()
    assert gone.status == "deleted"


def test_asking_for_its_address_tells_its_owner_and_nobody_else(client, gone, make_user):
    client.enter(make_user())
    client.submit(
        "/account/manage/change-email", {"email": "gone@example.com", "password": PASSWORD}
    )
    assert kinds() == ["email_change_requested", "address_reserved"]


def test_its_owner_is_told_once_an_hour(client, gone):
    for _ in range(3):
        client.submit("/account/reset-password", {"email": gone.email})
    assert kinds() == ["address_reserved"]


def test_a_reset_that_waits_when_the_account_is_deleted_is_not_sent(
    client, admin, make_user, outbox
):
    """AD-7"""
    user = make_user()
    client.submit("/account/reset-password", {"email": user.email})
    deletions.delete(user, by=admin)
    subjects = [mail["Subject"] for mail in outbox.deliver()]
    assert len(subjects) == 1
    assert "was deleted" in subjects[0]


def test_links_from_before_open_nothing_while_it_is_deleted(client, admin, make_user):
    user = make_user()
    path = f"/account/reset-password/{user.generate_password_reset_token()}"
    assert client.get(path).status_code == 200
    deletions.delete(user, by=admin)
    assert client.get(path).status_code == 404


def test_a_restored_user_signs_in_with_the_same_password(client, admin, gone):
    deletions.restore(gone, by=admin)
    client.sign_in(gone.email)
    assert client.is_signed_in()


# In the admin area


def test_deleting_a_user_ends_their_sessions_and_tells_them(client, app, admin, make_user, outbox):
    """SE-4, AD-4, AD-7"""
    user, browsers = make_user(), [app.test_client(), app.test_client()]
    browsers[0].enter(user)
    browsers[1].enter(user, remembered=True)
    client.enter(admin)
    assert user.email in client.get(f"/admin/user/{user.id}/delete").text
    assert user.status == "active"
    client.submit(f"/admin/user/{user.id}/delete")
    assert not any(browser.is_signed_in() for browser in browsers)
    assert db.session.query(UserSession).filter_by(user_id=user.id).count() == 0
    assert kinds() == ["account_deleted"]
    assert outbox.deliver()[0]["To"] == user.email


def test_deleting_and_restoring_ask_for_the_password_after_a_quarter_of_an_hour(
    client, admin, make_user
):
    """SE-8"""
    user, gone = make_user(), make_user(deleted_at=now())
    client.enter(admin)
    with time_machine.travel(now() + timedelta(minutes=16)):
        for path in (f"/admin/user/{user.id}/delete", f"/admin/user/{gone.id}/restore"):
            for answer in (client.get(path), client.submit(path, form_at="/account/manage")):
                assert "/account/reauthenticate" in answer.location
    assert user.status == "active"
    assert gone.is_deleted
