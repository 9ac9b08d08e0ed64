"""Two administrators decide on one registration at the same moment."""

from sqlalchemy import select

from app.extensions import db
from app.features.approval import approvals
from app.features.approval.approvals import NotWaiting
from app.features.approval.models import RegistrationRequest
from app.kit.mail.email_message import EmailMessage
from app.models import User
from tests.factories import make_user


def deciding(user_id, admin_id, decide, **values):
    """Return a function that decides as a request does."""

    def act():
        by = db.session.get(User, admin_id)
        decide(db.session.get(User, user_id), by=by, **values)
        return "decided"

    return act


def test_one_of_several_decisions_counts(race):
    admins = [make_user(role="Administrator").id for _ in range(2)]
    for _ in range(5):
        user = make_user()
        db.session.add(RegistrationRequest(user_id=user.id))
        db.session.commit()
        user_id = user.id
        approve = [deciding(user_id, one, approvals.approve_one) for one in admins]
        refuse = [deciding(user_id, one, approvals.refuse_one, reason="x") for one in admins]
        results = race(*approve, *refuse)
        assert results.count("decided") == 1, results
        assert sum(isinstance(one, NotWaiting) for one in results) == 3, results
        db.session.rollback()
        was_approved = "decided" in results[:2]
        assert db.session.get(User, user_id).is_suspended is not was_approved
        kind = "approved" if was_approved else "refused"
        mails = select(EmailMessage.message).where(EmailMessage.user_id == user_id)
        assert db.session.scalars(mails).all() == [f"registration_{kind}"]
