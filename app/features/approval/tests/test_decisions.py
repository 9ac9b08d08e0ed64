"""Administrators approve and refuse registrations."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.approval import approvals
from app.features.approval.models import RegistrationRequest
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import Permission, User
from app.services import users
from app.services.policy import InsufficientPrivileges, LastAdministrator, NotOnSelf
from tests.factories import make_role

QUEUE = "/admin/registrations"


def mails(message):
    rows = select(EmailMessage).where(EmailMessage.message == message)
    return db.session.scalars(rows.order_by(EmailMessage.id)).all()


def test_the_queue_has_confirmed_users_who_wait(browser, make_waiting, make_user):
    make_waiting(first_name="Waits")
    make_waiting(first_name="Unconfirmed", confirmed=False)
    make_waiting(first_name="Deleted", deleted_at=now())
    make_waiting(first_name="Suspended", suspended=True)
    make_user(first_name="Usual")
    page = browser.get(QUEUE).text
    assert "Waits" in page
    for name in ("Unconfirmed", "Deleted", "Suspended", "Usual"):
        assert name not in page


def test_the_queue_says_that_the_setting_is_off(browser):
    assert "APPROVE_REGISTRATIONS is off" in browser.get(QUEUE).text


def test_a_refused_user_is_suspended_signed_out_and_told_why(app, browser, waiting):
    client = app.test_client()
    client.enter(waiting)
    path = f"/admin/user/{waiting.id}/refuse-registration"
    assert browser.submit(path, {"reason": "Not a <b>member</b>."}).location == QUEUE
    assert not client.is_signed_in()
    assert waiting.status == "suspended"
    [mail] = mails("registration_refused")
    assert mail.context == {"reason": "Not a <b>member</b>."}
    page = app.test_client().submit(
        "/account/login", {"email": waiting.email, "password": "correct horse battery staple"}
    )
    assert page.status_code == 200


def test_a_refusal_needs_a_reason(browser, waiting):
    page = browser.submit(f"/admin/user/{waiting.id}/refuse-registration", {"reason": "  "})
    assert page.status_code == 200
    assert waiting.status == "active"


def test_a_refused_user_who_is_reactivated_gets_in(client, admin, waiting):
    approvals.refuse_one(waiting, by=admin, reason="A mistake")
    users.reactivate(waiting, by=admin)
    client.enter(waiting)
    assert client.get("/account/manage").status_code == 200


@pytest.mark.parametrize("second", ["approve", "refuse"])
def test_the_second_decision_is_none(browser, waiting, second):
    browser.submit(f"/admin/user/{waiting.id}/approve-registration", form_at="/")
    browser.submit(f"/admin/user/{waiting.id}/{second}-registration", {"reason": "x"}, form_at="/")
    assert len(mails("registration_approved")) == 1
    assert not mails("registration_refused")
    assert waiting.status == "active"


def test_the_services_refuse_a_second_decision(admin, waiting):
    approvals.approve_one(waiting, by=admin)
    with pytest.raises(approvals.NotWaiting):
        approvals.approve_one(waiting, by=admin)
    with pytest.raises(approvals.NotWaiting):
        approvals.refuse_one(waiting, by=admin, reason="x")


def test_nobody_decides_on_a_user_with_more_permissions(make_user, make_waiting):
    """AZ-2"""
    role = make_role("Helpers", Permission.GENERAL | Permission.MANAGE_USERS)
    by = make_user(role=role.name)
    user = make_waiting(role="Administrator")
    assert approvals.why_not(user, by=by) == "Has permissions that you lack"
    with pytest.raises(InsufficientPrivileges):
        approvals.approve_one(user, by=by)


def choose(browser, action, *people):
    data = {"action": action, "row_ids": [str(one.id) for one in people]}
    return browser.submit(f"{QUEUE}/bulk", data, form_at="/").location


@pytest.mark.parametrize(("action", "status"), [("approve", "active"), ("refuse", "suspended")])
def test_many_are_decided_on_at_once(browser, make_waiting, action, status):
    people = [make_waiting() for _ in range(3)]
    path = choose(browser, action, *people)
    browser.submit(path, {"do": "confirm", "reason": "Not a member."}, form_at=path)
    assert {one.status for one in people} == {status}
    if action == "refuse":
        assert {one.suspended_reason for one in people} == {"Not a member."}
        assert {one.context["reason"] for one in mails("registration_refused")} == {"Not a member."}
    told = "registration_approved" if action == "approve" else "registration_refused"
    assert len(mails(told)) == 3
    assert approvals.count_waiting() == 0


def test_a_refusal_of_many_needs_a_reason(browser, make_waiting):
    people = [make_waiting() for _ in range(2)]
    path = choose(browser, "refuse", *people)
    answer = browser.submit(path, {"do": "confirm", "reason": " "}, form_at=path)
    assert "Please check what you entered" in answer.text
    assert approvals.count_waiting() == 2


def test_a_bulk_action_leaves_out_who_was_decided_on_meanwhile(browser, admin, make_waiting):
    one, other = make_waiting(), make_waiting()
    path = choose(browser, "refuse", one, other)
    approvals.approve_one(one, by=admin)
    browser.submit(path, {"do": "confirm", "reason": "Full."}, form_at=path)
    assert (one.status, other.status) == ("active", "suspended")


def test_the_page_of_a_user_offers_the_decision(browser, waiting, make_user):
    assert "approve-registration" in browser.get(f"/admin/user/{waiting.id}").text
    assert "approve-registration" not in browser.get(f"/admin/user/{make_user().id}").text


def test_managers_get_one_mail_a_day_if_somebody_waits(admin, make_user, make_waiting):
    make_user()
    make_user(role="Administrator", suspended=True)
    assert not approvals.tell_managers()
    make_waiting(confirmed=False)
    assert not approvals.tell_managers()
    make_waiting()
    assert approvals.tell_managers()
    assert not approvals.tell_managers()
    [mail] = mails("registrations_waiting")
    assert (mail.recipient, mail.context) == (admin.email, {"count": 1})
    mail.created_at = now() - timedelta(days=1)
    db.session.commit()
    assert approvals.tell_managers()


def age(user, **columns):
    request = db.session.get(RegistrationRequest, user.id)
    for name, days in columns.items():
        setattr(request, name, now() - timedelta(days=days))
    if user.is_suspended:
        user.suspended_at = request.refused_at
    db.session.commit()


def test_old_requests_are_deleted(admin, make_waiting, make_user):
    old, new, refused, back, refused_lately = (make_waiting() for _ in range(5))
    unconfirmed, approved = make_waiting(confirmed=False), make_waiting()
    for user in (refused, back, refused_lately):
        approvals.refuse_one(user, by=admin, reason="x")
    users.reactivate(back, by=admin)
    approvals.approve_one(approved, by=admin)
    age(old, created_at=31)
    age(new, created_at=29)
    age(refused, created_at=80, refused_at=31)
    age(back, refused_at=31)
    age(refused_lately, created_at=80, refused_at=29)
    age(unconfirmed, created_at=31)
    assert approvals.purge() == 3
    gone = {user for user in (old, new, refused, back, refused_lately, approved) if user.is_deleted}
    assert gone == {old, refused}
    assert unconfirmed.is_deleted
    assert not mails("account_deleted")
    assert approvals.purge() == 0


def test_a_user_who_was_let_in_meanwhile_is_not_deleted(make_waiting):
    """The feature may have been off, without the night that approves those who waited."""
    waits, gone = make_waiting(), make_waiting()
    waits.last_seen_at, gone.last_seen_at = now() - timedelta(days=1), now() - timedelta(days=31)
    for user in (waits, gone):
        age(user, created_at=400)
    assert approvals.purge() == 1
    assert not waits.is_deleted
    assert gone.is_deleted


def test_erasing_a_user_takes_the_request(admin, waiting):
    user_id = waiting.id
    db.session.delete(waiting)
    db.session.commit()
    assert db.session.get(RegistrationRequest, user_id) is None
    assert db.session.get(User, user_id) is None


def test_a_refused_user_who_was_let_in_after_all_is_not_deleted_at_a_later_suspension(
    admin, waiting
):
    approvals.refuse_one(waiting, by=admin, reason="x")
    users.reactivate(waiting, by=admin)
    age(waiting, created_at=400, refused_at=400)
    users.suspend(waiting, by=admin, reason="A holiday")
    assert approvals.purge() == 0
    assert not waiting.is_deleted


def test_users_who_are_let_in_by_the_setting_are_not_deleted(app, waiting, monkeypatch):
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", False)
    age(waiting, created_at=400)
    assert approvals.purge() == 0
    assert not waiting.is_deleted


def test_the_night_approves_users_let_in_by_the_setting(app, client, make_waiting, monkeypatch):
    """The setting holds nobody back who got in while it was off."""
    waits, unconfirmed = make_waiting(), make_waiting(confirmed=False)
    suspended, refused = make_waiting(suspended=True), make_waiting()
    approvals.refuse_one(refused, by=None, reason="x")
    assert approvals.let_in() == 0
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", False)
    assert approvals.let_in() == 3
    assert [one.recipient for one in mails("registration_approved")] == [waits.email]
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", True)
    assert not any(map(approvals.is_waiting, (waits, unconfirmed, suspended)))
    assert refused.is_suspended
    client.enter(waits)
    assert client.get("/account/manage").status_code == 200
    assert approvals.let_in() == 0


def test_the_last_administrator_and_oneself_are_not_refused(admin, make_waiting):
    """Users who wait may have got a role meanwhile, or wait while the setting is off."""
    last = make_waiting(role="Administrator")
    with pytest.raises(NotOnSelf):
        approvals.refuse_one(last, by=last, reason="x")
    assert approvals.why_not_refuse(last, by=admin)
    assert not approvals.why_not_refuse(make_waiting(), by=admin)
    db.session.delete(admin)
    db.session.commit()
    with pytest.raises(LastAdministrator):
        approvals.refuse_one(last, by=None, reason="x")
    assert not last.is_suspended
