"""Test the password that an invited user chooses."""

import re

import pytest

from app.features.invitations import invitations
from app.features.invitations.links import invite_token
from app.models import User
from tests.account.test_passwords import WEAK
from tests.support import links, path_of


@pytest.fixture
def join(client, make_user, admin, outbox):
    """Return a function that accepts an invitation with a password, and returns the page."""
    person = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}

    def send(password):
        invitations.resend(make_user(**person, invited=True), by=admin)
        pair = {"password": password, "password2": password}
        return client.submit(path_of(links(outbox.last_text())[0]), pair)

    return send


@pytest.mark.parametrize("kind", WEAK)
def test_a_weak_password_is_refused_with_the_reason(join, kind):
    """PW-1, PW-2, PW-4"""
    password, reason = WEAK[kind]
    page = join(password)
    assert page.status_code == 200
    assert reason in page.text
    assert not User.by_email("ada@example.com").verify_password(password)


def test_a_strong_password_is_taken(join):
    """PW-1"""
    assert join("xK3#vQ9!mZ2p").status_code == 302
    assert User.by_email("ada@example.com").verify_password("xK3#vQ9!mZ2p")


def test_password_managers_learn_whose_password_it_is(client, make_user):
    """PW-7: password managers look for a field `username` beside the password."""
    user = make_user(invited=True)
    page = client.get(f"/account/join-from-invite/{user.id}/{invite_token(user)}")
    field = re.search(r'<input[^>]*name="username"[^>]*>', page.text).group()
    assert f'value="{user.email}"' in field
    assert 'autocomplete="username"' in field
