"""Change the user's own name."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent

PATH = "/account/manage/change-name"


@pytest.fixture
def user(make_user):
    return make_user(first_name="Ada", last_name="Byron", email="ada@example.com")


@pytest.fixture
def browser(client, user):
    client.enter(user)
    return client


def rename(browser, first="Ada", last="Lovelace", **kwargs):
    return browser.submit(PATH, {"first_name": first, "last_name": last}, **kwargs)


def renamings():
    return db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.renamed")).all()


def test_users_change_their_own_name_without_a_password(browser, user):
    """AD-5: the event records the old and the new name."""
    assert f'href="{PATH}"' in browser.get("/account/manage").text
    page = browser.get(PATH).text
    assert 'value="Ada"' in page
    assert 'value="Byron"' in page
    page = rename(browser, follow_redirects=True)
    assert "Your name is now Ada Lovelace." in page.text
    assert user.full_name() == "Ada Lovelace"
    (event,) = renamings()
    assert event.changes == {"last_name": ["Byron", "Lovelace"]}
    assert (event.actor_id, event.subject_id) == (user.id, user.id)
    assert db.session.query(EmailMessage).count() == 0


def test_the_name_that_one_has_already_is_not_said_to_be_changed(browser, user):
    page = rename(browser, last="Byron")
    assert "This is your name already." in page.text
    assert not renamings()


@pytest.mark.parametrize(
    "last", ["", "   ", "x" * 65, "\u200b", "\u202enoryB", "By\0ron", "By\nron"]
)
def test_a_name_is_held_to_what_registration_asks(browser, user, last):
    """IN-1, XS-5"""
    page = rename(browser, last=last)
    assert page.status_code == 200
    assert "Please check what you entered" in page.text
    assert user.last_name == "Byron"
    assert not renamings()


def test_users_change_only_their_own_name(browser, user, make_user):
    """AZ-3"""
    other = make_user()
    before = other.full_name()
    browser.submit(
        PATH,
        {"first_name": "Eve", "last_name": "Mallory", "id": other.id, "user_id": other.id,
         "role_id": "2", "email": "eve@example.com"},
    )  # fmt: skip
    db.session.expire_all()
    assert other.full_name() == before
    assert (user.full_name(), user.email, user.role.name) == (
        "Eve Mallory", "ada@example.com", "User",
    )  # fmt: skip
