"""Guesses at a password at the same moment: the limit holds, and no guess waits."""

import pytest

from app.extensions import db, limiter
from app.kit import clean_up
from app.kit.guesses import TooManyGuesses
from app.kit.web import origin
from app.models import User
from app.services import sign_in as sign_in_service
from tests.factories import make_user
from tests.support import PASSWORD

GUESSES = 60


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(limiter, "enabled", True)


def outcomes(results):
    assert not [one for one in results if isinstance(one, Exception) and not is_expected(one)]
    refused = sum(isinstance(one, TooManyGuesses) for one in results)
    return len(results) - refused, refused


def is_expected(error):
    return isinstance(error, TooManyGuesses | sign_in_service.WrongPassword)


def sign_in(email, address, password="wrong"):  # noqa: S107
    def act():
        origin.note(address=address, device="")
        user = sign_in_service.authenticate(email, password)
        db.session.commit()
        return user and user.id

    return act


@pytest.mark.parametrize("networks", [1, 2, GUESSES])
def test_sixty_guesses_at_once_are_checked_up_to_the_limit(race, counted, networks):
    """BF-1: from one IP address, from two, and from a different one each time."""
    email = make_user().email
    acts = [sign_in(email, f"192.0.2.{number % networks}") for number in range(GUESSES)]
    looked_at, _ = outcomes(race(*acts))
    # Two networks have ten guesses each at most, and share the first ten of the account.
    assert looked_at == 10 if networks != 2 else 10 <= looked_at <= 20


def test_sixty_guesses_with_a_stolen_session_are_checked_ten_times(race, counted):
    """BF-1"""
    user_id = make_user().id

    def act():
        user = db.session.get(User, user_id)
        sign_in_service.require_password(user, "wrong", otherwise="user.password_change_refused")

    looked_at, refused = outcomes(race(*[act] * GUESSES))
    assert (looked_at, refused) == (10, GUESSES - 10)


def test_guesses_right_and_wrong_at_once_do_not_stand_in_each_others_way(race, counted):
    emails = [make_user().email for _ in range(3)]
    acts = [
        sign_in(emails[n % 3], f"192.0.2.{n % 4}", PASSWORD if n % 2 else "wrong")
        for n in range(24)
    ]
    outcomes(race(*acts))
    assert clean_up.run()["guesses"] == 0
