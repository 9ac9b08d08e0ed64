"""Test an invitation to the email of an unconfirmed account."""

import pytest

from app.extensions import db
from app.features.invitations import invitations
from app.kit.database import now
from app.models import User
from app.services.users import EmailTaken
from tests.fixtures.strangers import COLLEAGUE, OWN, mailed_link


def invite(by, staff):
    invitations.invite(first_name="Col", last_name="League", email=COLLEAGUE, role=staff, by=by)


@pytest.mark.parametrize("state", ["confirmed", "invited", "suspended", "deleted"])
def test_no_other_account_is_taken_over_by_an_invitation(state, make_user, staff, admin):
    made = {
        "confirmed": {},
        "invited": {"invited": True},
        "suspended": {"suspended": True, "confirmed": False},
        "deleted": {"deleted_at": now(), "confirmed": False},
    }
    user = make_user(email=COLLEAGUE, first_name="Before", **made[state])
    before = user.password_hash
    with pytest.raises(EmailTaken):
        invite(admin, staff)
    db.session.refresh(user)
    assert (user.first_name, user.password_hash, user.role.name) == ("Before", before, "User")


def test_an_account_that_is_invited_is_not_the_strangers(assert_not_theirs):
    """SE-3, AD-2: the stranger's password, session and remember cookie stop working."""
    assert_not_theirs(invite)


def test_an_invitation_gives_the_owner_the_account(squatted, app, staff, admin, outbox):
    """SE-3: with each way in of a stranger (tests.fixtures.strangers)."""
    names = {"first_name": "Col", "last_name": "League"}
    for _stranger, email in squatted:
        invitations.invite(**names, email=email, role=staff, by=admin)
        assert User.by_email(email).status == "invited"
        owner = app.test_client()
        link = mailed_link(outbox, email, "/join-from-invite/")
        owner.submit(link, {"password": OWN, "password2": OWN})
        owner.sign_in(email, OWN)
        assert owner.is_signed_in()
