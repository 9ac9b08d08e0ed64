"""Change the email of an account."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, User
from app.services import unconfirmed
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
    """AD-4: both addresses get a notice, and the old email stays until the link is used."""
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
    assert "Another account has this email address" in page.text
    assert user.email == "ada@example.com"


def link_to_new(outbox):
    found = (link for text in texts(outbox).values() for link in links(text))
    return path_of(next(link for link in found if "change-email/" in link))


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_stranger_who_registers_an_address_does_not_keep_it_from_its_owner(
    client, app, user, make_user, outbox, when
):
    """TK-4: only the user who receives mail at this address can use the link."""
    if when == "meanwhile":
        ask(client)
        link = link_to_new(outbox)
    stranger = app.test_client()
    squatter_id = make_user(email=NEW, confirmed=False).id
    stranger.sign_in(NEW)
    if when == "before":
        ask(client)
        link = link_to_new(outbox)
    assert client.submit(link).status_code == 302
    db.session.expire_all()
    assert user.email == NEW
    assert db.session.get(User, squatter_id) is None
    assert not stranger.is_signed_in()
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.gave_way")).one()
    assert (event.actor_id, event.subject_id) == (user.id, squatter_id)


@pytest.mark.parametrize("state", ["confirmed", "voided", "invited", "suspended", "deleted"])
def test_no_other_account_gives_way(client, user, make_user, outbox, state):
    """An administrator has vouched for an account whose password was voided, for example."""
    ask(client)
    link = link_to_new(outbox)
    other = make_user(
        email=NEW,
        confirmed=state == "confirmed",
        invited=state == "invited",
        suspended=state == "suspended",
        deleted_at=now() if state == "deleted" else None,
    )
    if state == "voided":
        unconfirmed.void_password(other, by=None)
        db.session.commit()
    assert (
        "Another account has this email address" in client.submit(link, follow_redirects=True).text
    )
    db.session.expire_all()
    assert (user.email, other.email) == ("ada@example.com", NEW)


def test_a_refused_link_takes_nothing_from_anybody(client, app, user, make_user, outbox):
    """The user no longer wants this email, or another user uses the link."""
    ask(client)
    link = link_to_new(outbox)
    squatter = make_user(email=NEW, confirmed=False)
    other = app.test_client()
    other.enter(make_user())
    assert other.submit(link, form_at="/account/manage").status_code == 404
    ask(client, "third@example.com")
    assert client.submit(link, form_at="/account/manage").status_code == 404
    db.session.expire_all()
    assert (squatter.email, user.email) == (NEW, "ada@example.com")


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
    """BF-2: users cannot send mail to any number of recipients."""
    for number in range(8):
        assert ask(client, f"someone{number}@example.com").status_code == 302
    written = db.session.scalars(
        select(EmailMessage.recipient).where(EmailMessage.message == "change_email")
    ).all()
    assert len(written) == 5
