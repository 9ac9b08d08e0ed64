"""Test that an invitation is either accepted or revoked, never both."""

from app.extensions import db
from app.features.invitations import invitations
from app.features.invitations.invitations import NotInvited
from app.features.invitations.links import invite_token
from app.models import User
from app.services.mailed_links import LinkRefused
from app.services.own_account import UserGone
from tests.factories import make_user
from tests.fixtures.races import as_request
from tests.support import PASSWORD


def test_an_invitation_is_accepted_or_revoked_and_never_both(race):
    """TK-8: revoking does not delete an account that has just been accepted."""
    admin_id = make_user(role="Administrator").id
    for _ in range(20):
        user = make_user(invited=True)
        token, user_id = invite_token(user), user.id
        accepted, revoked = race(
            lambda i=user_id, t=token: invitations.accept(i, t, PASSWORD) and True,
            as_request(invitations.revoke, user_id, admin_id),
        )
        db.session.rollback()
        remains = db.session.get(User, user_id, populate_existing=True)
        if accepted is True:
            assert isinstance(revoked, NotInvited | UserGone), revoked
            assert remains is not None
        else:
            assert isinstance(accepted, LinkRefused), accepted
            assert remains is None


def test_an_invitation_is_good_for_one_of_twenty(race):
    """TK-8"""
    user = make_user(invited=True)
    token, user_id = invite_token(user), user.id
    results = race(
        *(
            lambda n=n: invitations.accept(user_id, token, f"{PASSWORD} number {n}") and n
            for n in range(20)
        )
    )
    (winner,) = [result for result in results if isinstance(result, int)]
    assert sum(isinstance(result, LinkRefused) for result in results) == 19
    db.session.expire_all()
    assert db.session.get(User, user_id).verify_password(f"{PASSWORD} number {winner}")
