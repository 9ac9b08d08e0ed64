"""Test that a bulk action does the same as the action on one user: same refusals, same traces."""

import contextlib
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features import bulk
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, Role, User, UserSession
from app.services import sessions, user_access, users
from app.services.mailed_links import HOUR, LINKS_AN_HOUR
from app.services.own_account import UserGone
from app.services.policy import InsufficientPrivileges, LastAdministrator, NotOnSelf
from app.services.user_access import TooManyMails, WrongState
from tests import factories
from tests.support import module_of

deletions = module_of("deletion", "deletions")
invitations = module_of("invitations", "invitations")

REFUSALS = (
    *(
        InsufficientPrivileges,
        LastAdministrator,
        NotOnSelf,
        TooManyMails,
        UserGone,
        WrongState,
    ),
    *([invitations.NotInvited] if invitations else []),
)
# Times and counters, which differ from one action to the next.
MOMENTS = {"suspended_at", "deleted_at", "invited_at"}


def role(name):
    return db.session.scalar(select(Role).where(Role.name == name))


@pytest.fixture
def manager(make_user):
    """A user who may manage users and nothing else."""
    factories.make_role("People", permissions=0x05)
    return make_user(role="People", email="manager@example.com")


def kinds(make_user):
    """Return one user of each kind that the rules distinguish, by kind."""
    people = {
        "plain": make_user(),
        "unconfirmed": make_user(confirmed=False),
        "invited": make_user(invited=True),
        "suspended": make_user(suspended=True, suspended_reason="spam"),
        "suspended and invited": make_user(invited=True, suspended=True),
        "suspended and unconfirmed": make_user(confirmed=False, suspended=True),
        "invited often": make_user(invited=True),
        "invited often, once": make_user(invited=True),
        "deleted": make_user(deleted_at=now()),
        "without a role": make_user(),
        "of the new role": make_user(role="Other"),
        "above": make_user(role="Above"),
        "administrator": make_user(role="Administrator"),
    }
    people["without a role"].role = None
    db.session.commit()
    for user in people.values():
        sessions.start(user, remembered=False, address="", device="")
        db.session.add(EmailMessage(**waiting_mail(user)))
    for name, at in (("invited often", now()), ("invited often, once", now() - HOUR)):
        for number in range(LINKS_AN_HOUR):
            mail = waiting_mail(people[name], number) | {"message": "invite", "state": "sent"}
            db.session.add(EmailMessage(**mail, created_at=at))
    db.session.commit()
    return people


def waiting_mail(user, number=""):
    return {
        "message": "confirm",
        "recipient": user.email,
        "user_id": user.id,
        "message_id": f"<{user.id}.{number}@x>",
    }


def marks(user_id, since):
    """Return everything that an action wrote, without times and counters."""
    db.session.expire_all()
    user = db.session.get(User, user_id)
    columns = {
        column.name: getattr(user, column.key) is not None
        if column.name in MOMENTS
        else getattr(user, column.key)
        for column in User.__table__.columns
        if column.name not in {"id", "email", "last_name", "created_at", "last_seen_at", "status"}
    }
    events = [
        (
            event.action,
            event.actor_id,
            event.actor_label,
            event.subject_type,
            event.subject_label == user.email,
            event.changes,
            {name: value for name, value in event.details.items() if name != "operation"},
            event.request_id,
        )
        for event in db.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.id > since, AuditEvent.subject_id == user_id)
            .order_by(AuditEvent.id)
        )
        if event.subject_type == "user"
    ]
    mails = [
        (
            mail.message,
            mail.recipient == user.email,
            mail.user_id == user_id,
            set(mail.context) if mail.message == "account_deleted" else mail.context,
            mail.state,
            mail.attempts,
            mail.last_error,
        )
        for mail in db.session.scalars(
            select(EmailMessage)
            .where(EmailMessage.recipient == user.email)
            .order_by(EmailMessage.id)
        )
    ]
    left = db.session.scalar(
        select(func.count()).select_from(UserSession).where(UserSession.user_id == user_id)
    )
    return columns, events, mails, left


def last_event():
    return db.session.scalar(select(func.max(AuditEvent.id))) or 0


SINGLE = {
    "confirm": lambda user, by, other: user_access.confirm(user, by=by),
    "suspend": lambda user, by, other: users.suspend(user, by=by, reason="spam again"),
    "reactivate": lambda user, by, other: users.reactivate(user, by=by, reason="spam again"),
    "change_role": lambda user, by, other: users.change_role(user, role=other, by=by),
}
if deletions:
    SINGLE["delete"] = lambda user, by, _other: deletions.delete(user, by=by)
if invitations:
    SINGLE["resend_invitation"] = lambda user, by, _other: invitations.resend(user, by=by)


@pytest.mark.parametrize("who", ["manager", "administrator"])
@pytest.mark.parametrize("action", SINGLE)
def test_many_are_treated_as_one_is(make_user, manager, admin, action, who):
    """AD-1, AD-2, AZ-2: on every kind of user, by a manager and by an administrator."""
    factories.make_role("Above", permissions=0x21)
    other = factories.make_role("Other", permissions=0x01)
    by = manager if who == "manager" else admin
    alone, together = kinds(make_user), kinds(make_user)
    since = last_event()

    refused = set()
    for name, user in alone.items():
        before = marks(user.id, since)
        try:
            SINGLE[action](user, by, other)
        except REFUSALS:
            db.session.rollback()
            refused.add(name)
        if marks(user.id, since) == before:
            refused.add(name)

    operation = bulk.preview(
        action,
        by=by,
        user_ids=[user.id for user in together.values()],
        role=other if action == "change_role" else None,
    )
    bulk.confirm(operation, by=by, reason="spam again", tell=True)
    bulk.run(operation.id)

    left_out = operation.left_out
    assert operation.done == len(alone) - len(refused), (refused, left_out)
    for name, user in alone.items():
        assert marks(user.id, since) == marks(together[name].id, since), name


@pytest.mark.parametrize("action", [*SINGLE, "end_sessions"])
def test_actions_that_skip_the_actor_are_refused_on_oneself(action, make_user, admin):
    """AD-2"""
    make_user(role="Administrator")
    operation = bulk.preview(
        action,
        by=admin,
        user_ids=[admin.id],
        role=role("User") if action == "change_role" else None,
    )
    assert operation.to_do == 0
    assert operation.left_out_count == 1


@pytest.mark.parametrize("action", SINGLE)
def test_a_condition_that_is_added_holds_on_the_page_and_in_bulk(
    make_user, admin, action, monkeypatch
):
    """A rule is written once: a condition of a UserChange applies to single and bulk actions."""
    traits = {"confirm": {"confirmed": False}, "reactivate": {"suspended": True}}
    traits |= {"resend_invitation": {"invited": True}}
    user = make_user(first_name="Grace", **traits.get(action, {}))
    other = factories.make_role("Other", permissions=0x01)
    monkeypatch.setitem(
        bulk.ACTIONS[action].change.unless, "grace", lambda user, _given: user.first_name == "Grace"
    )

    since = last_event()
    before = marks(user.id, since)
    with contextlib.suppress(*REFUSALS):
        SINGLE[action](user, admin, other)
    db.session.rollback()
    assert marks(user.id, since) == before

    given = other if action == "change_role" else None
    operation = bulk.preview(action, by=admin, user_ids=[user.id], role=given)
    assert operation.left_out == {"grace": 1}


def test_no_mail_calls_an_invitation_an_account(make_user, admin, outbox):
    """They never signed in, and have nothing to come back to, as one user or in bulk."""
    users.suspend(make_user(invited=True), by=admin)
    one = make_user(invited=True)
    operation = bulk.preview("suspend", by=admin, user_ids=[one.id])
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)
    users.reactivate(one, by=admin)
    assert outbox.deliver() == []


def test_the_rest_is_as_it_was(make_user, admin):
    """The sessions, mails and states of other users stay unchanged."""
    bystander, target = make_user(), make_user()
    for user in (bystander, target):
        sessions.start(user, remembered=True, address="", device="")
    since = last_event()
    before = marks(bystander.id, since)
    operation = bulk.preview("suspend", by=admin, user_ids=[target.id])
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)
    assert marks(bystander.id, since) == before
    assert target.is_suspended
    assert target.suspended_at > now() - timedelta(minutes=1)
