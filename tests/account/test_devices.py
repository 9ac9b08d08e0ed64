"""List the user's sessions, and end them."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.models import UserSession
from tests.support import PASSWORD

DEVICES = "/account/manage/devices"
END = f"{DEVICES}/end"


@pytest.fixture
def user(make_user):
    return make_user()


@pytest.fixture
def enter(app):
    """Return a function that returns a browser of a user who signed in on a device."""

    def enter(someone):
        browser = app.test_client()
        browser.enter(someone)
        return browser

    return enter


def session_ids(user):
    rows = select(UserSession.id).where(UserSession.user_id == user.id).order_by(UserSession.id)
    return list(db.session.scalars(rows))


def end(browser, which):
    return browser.submit(END, {"session": str(which)}, form_at=DEVICES)


def test_the_page_lists_the_devices_and_marks_this_one(user, enter):
    """SE-7"""
    own, _ = enter(user), enter(user)
    page = own.get(DEVICES).text
    first, second = session_ids(user)
    assert page.count("This browser") == 1
    assert f'value="{second}"' in page
    assert f'value="{first}"' not in page


def test_one_device_is_signed_out_and_the_others_stay(user, enter):
    """SE-7"""
    own, lost, other = enter(user), enter(user), enter(user)
    answer = end(own, session_ids(user)[1])
    assert answer.location == DEVICES
    assert "That device is signed out." in own.get(DEVICES).text
    assert not lost.is_signed_in()
    assert own.is_signed_in()
    assert other.is_signed_in()


def test_all_others_are_signed_out_at_once(user, enter):
    """SE-7"""
    own, other, third = enter(user), enter(user), enter(user)
    end(own, "others")
    assert "on all other devices" in own.get(DEVICES).text
    assert own.is_signed_in()
    assert not other.is_signed_in()
    assert not third.is_signed_in()


def test_where_there_is_one_device_there_is_nothing_to_end(user, enter):
    page = enter(user).get(DEVICES).text
    assert END not in page


@pytest.mark.parametrize("which", ["", "x", "-1", "9" * 30, "\u0663"])
def test_a_device_that_is_none_changes_nothing(user, enter, which):
    own, other = enter(user), enter(user)
    assert end(own, which).status_code == 302
    assert other.is_signed_in()


def test_nobody_ends_the_session_of_someone_else(user, enter, make_user):
    """AZ-2: users cannot end sessions of an administrator either."""
    stranger = enter(make_user(email="mallory@example.com"))
    enter(make_user(email="mallory@example.org"))
    own = enter(user)
    stranger.post(
        END, data={"session": session_ids(user)[0], "csrf_token": stranger.csrf_token("/")}
    )
    assert own.is_signed_in()


def test_ending_asks_for_the_password_again_after_a_quarter_of_an_hour(user, enter):
    """SE-8, ASVS 5.0 7.5.2: viewing the list does not ask for it."""
    own, other = enter(user), enter(user)
    with time_machine.travel(now() + timedelta(minutes=16)):
        assert own.get(DEVICES).status_code == 200
        asked = end(own, "others")
        assert asked.location.startswith("/account/reauthenticate?next=")
        assert other.is_signed_in()
        back = own.submit(asked.location, {"password": PASSWORD})
        assert own.get(back.location).location == DEVICES
        end(own, "others")
        assert not other.is_signed_in()
