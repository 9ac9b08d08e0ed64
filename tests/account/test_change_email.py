"""Moving an account to another address."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.models import EmailMessage, User
from tests.support import PASSWORD, links, path_of

NEW = "new@example.com"


def ask(client, email=NEW, password=PASSWORD):
    return client.submit("/account/manage/change-email", {"email": email, "password": password})


@pytest.fixture
def user(make_user):
    return make_user(email="ada@example.com")


@pytest.fixture
def client(app, user):
    browser = app.test_client()
    browser.enter(user)
    return browser


def texts(outbox):
    return {
        (mail["To"], mail["Subject"].partition("] ")[2]): mail.get_body(("plain",)).get_content()
        for mail in outbox.deliver()
    }


def test_an_address_changes_once_its_link_is_used(client, user, outbox):
    """AD-4: both addresses are told, and the old one stays good until then."""
    assert ask(client).status_code == 302
    assert (user.email, user.pending_email) == ("ada@example.com", NEW)
    to_new, to_old = None, None
    for (recipient, _subject), text in texts(outbox).items():
        to_new, to_old = (text, to_old) if recipient == NEW else (to_new, text)
    assert NEW in to_old
    assert "change-email/" not in to_old, "the old address gets no link that works"
    link = path_of(next(found for found in links(to_new) if "change-email" in found))
    assert client.submit(link).status_code == 302
    assert (user.email, user.pending_email) == (NEW, None)
    told = db.session.scalars(
        select(EmailMessage.recipient).where(EmailMessage.message == "email_changed")
    ).all()
    assert sorted(told) == ["ada@example.com", NEW]


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD.upper()])
def test_an_address_changes_only_with_the_password(client, user, password):
    """SE-8"""
    assert ask(client, password=password).status_code == 200
    assert user.pending_email is None
    assert db.session.query(EmailMessage).count() == 0


def test_a_taken_address_looks_like_a_free_one(client, user, make_user, outbox):
    """EN-4"""
    make_user(email="taken@example.com")
    free, taken = ask(client), ask(client, "Taken@Example.com")
    pages = [client.get("/account/manage").text for _ in range(2)]
    assert (free.status_code, free.location) == (taken.status_code, taken.location)
    assert "taken@example.com" in pages[0]
    mails = texts(outbox)
    (to_owner,) = [text for (to, _), text in mails.items() if to == "taken@example.com"]
    assert "already" in to_owner
    assert "change-email/" not in to_owner
    assert db.session.query(User).filter_by(email="taken@example.com").count() == 1


def test_an_address_that_someone_takes_meanwhile_is_refused_kindly(client, user, make_user, outbox):
    """TK-4"""
    ask(client)
    link = path_of(next(found for text in texts(outbox).values() for found in links(text)
                        if "change-email/" in found))  # fmt: skip
    make_user(email=NEW)
    page = client.submit(link, follow_redirects=True)
    assert page.status_code == 200
    assert "Someone else has this address" in page.text
    assert user.email == "ada@example.com"


def test_asking_for_a_third_address_ends_the_link_to_the_second(client, user, outbox):
    """TK-1"""
    ask(client)
    link = path_of(next(found for text in texts(outbox).values() for found in links(text)
                        if "change-email/" in found))  # fmt: skip
    ask(client, "third@example.com")
    assert client.get(link).status_code == 404


def test_a_change_can_be_called_off(client, user, outbox):
    ask(client)
    link = path_of(next(found for text in texts(outbox).values() for found in links(text)
                        if "change-email/" in found))  # fmt: skip
    client.submit("/account/manage/change-email/cancel", form_at="/account/manage")
    assert user.pending_email is None
    assert client.get(link).status_code == 404


def test_asking_for_ones_own_address_changes_nothing(client, user):
    ask(client, "ADA@example.com")
    assert user.pending_email is None
    assert db.session.query(EmailMessage).count() == 0


def test_five_addresses_an_hour_can_be_written_to_and_no_more(client, user):
    """BF-2: an account is no means to write to the whole world."""
    for number in range(8):
        assert ask(client, f"someone{number}@example.com").status_code == 302
    written = db.session.scalars(
        select(EmailMessage.recipient).where(EmailMessage.message == "change_email")
    ).all()
    assert len(written) == 5
