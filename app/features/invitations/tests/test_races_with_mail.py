"""Test revoking an invitation while a worker renders its mail."""

from app.extensions import db
from app.features.invitations import invitations
from app.kit.mail import outbox
from app.models import User
from app.services import password_reset
from app.services.own_account import UserGone
from tests.factories import make_user
from tests.fixtures.races import as_request

ROUNDS = 15


def test_a_worker_makes_a_mail_while_its_reader_is_removed_for_good(race):
    """Revoking an invitation deletes the row of the user, which mails refer to."""
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user = make_user(invited=True)
        user_id, email = user.id, user.email
        invitations.resend(user, by=db.session.get(User, admin))
        password_reset.request_password_reset(email)
        results = race(
            *(lambda: outbox.sweep(include_new=True),) * 2,
            as_request(invitations.revoke, user_id, admin),
            as_request(invitations.resend, user_id, admin),
        )
        for result in results:
            assert result is None or isinstance(result, int | str | UserGone), repr(result)
