"""Test an invitation while the inviting user loses the permission."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.invitations import invitations
from app.models import Role
from tests.fixtures.races import LOSSES, assert_refused_after

NEW = {"first_name": "New", "last_name": "Person", "email": "new@example.com"}


def role():
    return db.session.scalar(select(Role).where(Role.name == "User"))


# Tuples of the state of the user and the action.
ACTIONS_TRIED = {
    "invite again": ({"invited": True}, lambda user, by: invitations.resend(user, by=by)),
    "copy a link": (
        {"invited": True},
        lambda user, by: invitations.copy_link(user, by=by, known=None),
    ),
    "revoke": ({"invited": True}, lambda user, by: invitations.revoke(user, by=by)),
    "invite": ({}, lambda _user, by: invitations.invite(**NEW, role=role(), by=by)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("action", ACTIONS_TRIED)
def test_nothing_is_done_in_the_name_of_one_who_lost_the_permission(race, action, loss):
    """AZ-2: the request arrives before the loss, and its transaction begins after it."""
    traits, act = ACTIONS_TRIED[action]
    assert_refused_after(loss, act, **traits)
