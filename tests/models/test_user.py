"""The methods of User."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.kit.database import now
from app.kit.names import canonical_email
from app.models import User, UserSession


@pytest.mark.parametrize(
    ("traits", "status"),
    [
        ({}, "active"),
        ({"confirmed": False}, "unconfirmed"),
        ({"invited": True}, "invited"),
        ({"suspended": True}, "suspended"),
        ({"invited": True, "suspended": True}, "suspended"),
    ],
)
def test_one_word_says_how_an_account_is(make_user, traits, status):
    assert make_user(**traits).status == status


@pytest.mark.parametrize("state", ["is_active", "is_deleted", "is_suspended", "is_invited"])
def test_a_state_is_the_same_of_a_user_and_in_a_query(make_user, state):
    traits = ({}, {"invited": True}, {"suspended": True}, {"deleted_at": now()})
    users = [make_user(**some) for some in traits]
    found = db.session.scalars(select(User.id).where(getattr(User, state))).all()
    assert found == [user.id for user in users if getattr(user, state)]


def test_an_address_is_stored_in_one_spelling(make_user):
    """IN-4"""
    user = make_user(email="  Ada@Example.COM ")
    assert user.email == "ada@example.com"
    assert User.by_email("ADA@example.com") == user
    assert canonical_email(" A@B.C ") == "a@b.c"


def test_an_address_belongs_to_one_account(make_user):
    """IN-5"""
    make_user(email="ada@example.com")
    with pytest.raises(IntegrityError):
        make_user(email="ADA@example.com")
    db.session.rollback()


@pytest.mark.parametrize(
    ("first", "last", "initials"),
    [
        ("Ada", "Lovelace", "AL"),
        ("", "", "A"),
        ("ada", "", "A"),
        ("Ꙃ", "ß", "ꙂSS"),
        ("👩‍👧", "x", "👩X"),
    ],
)
def test_initials(app, first, last, initials):
    user = User(first_name=first, last_name=last, email="ada@example.com")
    assert user.initials == initials


def test_times_are_utc_whatever_zone_they_were_given_in(make_user):
    user = make_user()
    east = timezone(timedelta(hours=9))
    user.last_seen_at = datetime(2030, 1, 1, 9, tzinfo=east)
    db.session.commit()
    db.session.expire_all()
    assert user.last_seen_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert user.last_seen_at.tzinfo is UTC
    assert abs(user.created_at - now()) < timedelta(minutes=1)


def test_a_time_without_a_zone_is_refused(make_user):
    user = make_user()
    user.last_seen_at = datetime(2030, 1, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(Exception, match="zone"):
        db.session.commit()
    db.session.rollback()


def test_the_representation_of_a_user_tells_a_log_nothing(make_user):
    """AD-5"""
    user = make_user(email="ada@example.com")
    assert "ada" not in repr(user).lower()


def test_tokens_of_sessions_are_long_and_never_the_same():
    """SE-1: 256 bits (ASVS 5.0 7.2.3)."""
    tokens = {UserSession.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)


@pytest.mark.parametrize("token", ["", "\ud800", "é", "\0", "x" * 100_000])
def test_any_text_can_be_looked_up_as_a_token(token):
    """SE-10"""
    assert len(UserSession.hash_token(token)) == 64
