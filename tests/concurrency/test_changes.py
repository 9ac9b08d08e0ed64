"""Two users change one account, or ask for links to it, at the same moment."""

from sqlalchemy import select

from app.extensions import db
from app.kit.edit_conflicts import EditConflict, snapshot
from app.kit.mail.email_message import EmailMessage
from app.models import User
from app.services import register, user_access, users
from tests.factories import make_user
from tests.fixtures.races import as_request

ROUNDS = 15


def test_people_and_administrators_ask_for_links_at_once(race):
    """Users and administrators lock rows in the same order."""
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user_id = make_user(confirmed=False).id
        results = race(
            lambda i=user_id: register.resend_confirmation(db.session.get(User, i)),
            as_request(user_access.resend_confirmation, user_id, admin),
            lambda i=user_id: register.resend_confirmation(db.session.get(User, i)),
            as_request(user_access.resend_confirmation, user_id, admin),
        )
        assert results == [None] * 4


def test_the_second_of_two_edits_of_one_user_is_a_conflict(race):
    """F38"""
    one, other = (make_user(role="Administrator").id for _ in range(2))
    for number in range(ROUNDS):
        user = make_user()
        seen = snapshot(users.form_values(user))
        user_id = user.id
        results = race(
            as_request(users.change_email, user_id, one, email=f"a{number}@example.com", seen=seen),
            as_request(
                users.change_email, user_id, other, email=f"b{number}@example.com", seen=seen
            ),
        )
        assert sorted(type(result) for result in results if result) == [EditConflict]
        told = db.session.scalars(
            select(EmailMessage.message).where(EmailMessage.user_id == user_id)
        ).all()
        assert told == ["email_changed"] * 2
