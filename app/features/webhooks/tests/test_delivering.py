"""Events reach a server: signed, at least once, again after failures, and no longer after days."""

import json
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update
from standardwebhooks.webhooks import WebhookVerificationError

from app.extensions import db
from app.features.webhooks import delivering, leases, maintenance, payloads, services
from app.features.webhooks.delivering import HOLD, WAITS, DeliveryOutcome
from app.features.webhooks.models import DeliveryState, WebhookDelivery, WebhookState
from app.features.webhooks.tests.support import SUSPENDED, deliveries, make_webhook, verified
from app.kit import audit
from app.kit.audit import retention
from app.kit.audit.forgetting import ErasedUser
from app.kit.audit.many import record_all
from app.kit.audit.savepoints import savepoint
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, User
from app.services import users

pytestmark = pytest.mark.usefixtures("private_hosts")


@pytest.fixture
def suspend(admin, make_user):
    """Return a function that records an event, and returns its subject."""

    def act(**values):
        user = make_user(**values)
        users.suspend(user, by=admin)
        return user

    return act


def fail_again(receiver, *, status=500):
    """Make each attempt that is left fail, and return how long that took."""
    begun = now()
    with time_machine.travel(begun, tick=False) as clock:
        while receiver.answers(status) or delivering.deliver():
            (row,) = deliveries(action=SUSPENDED)
            if row.state == DeliveryState.PENDING:
                clock.move_to(row.next_try_at)
        return now() - begun


def test_an_event_is_sent_signed(receiver, suspend, admin):
    webhook = make_webhook(receiver.url, SUSPENDED)
    user = suspend(email="grace@example.com")
    assert delivering.deliver() == 1

    (request,) = receiver.seen
    payload = verified(webhook, request)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == SUSPENDED)).one()
    assert payload["type"] == SUSPENDED
    assert payload["timestamp"].endswith("Z")
    data = payload["data"]
    assert data["id"] == event.id
    assert data["actor"] == {"id": admin.id, "label": admin.email}
    assert data["subject"] == {"id": user.id, "label": "grace@example.com", "type": "user"}
    assert data["label"]
    (row,) = deliveries()
    assert (row.state, row.status, row.answer, row.attempts) == ("sent", 200, "thanks", 1)
    assert row.milliseconds is not None
    assert request[0]["webhook-id"] == row.message_id
    assert request[0]["content-type"] == "application/json"


def test_a_signature_of_another_secret_or_body_is_refused(receiver, suspend):
    webhook = make_webhook(receiver.url, SUSPENDED)
    other = make_webhook(receiver.url, "user.reactivated")
    suspend()
    delivering.deliver()
    ((headers, body),) = receiver.seen

    with pytest.raises(WebhookVerificationError):
        verified(other, (headers, body))
    with pytest.raises(WebhookVerificationError):
        verified(webhook, (headers, body + b" "))


def test_changes_have_the_values_before_and_after(receiver, admin, make_user):
    make_webhook(receiver.url, "user.role_changed")
    user = make_user()
    audit.record("user.role_changed", by=admin, subject=user, changes={"role": ("User", "Editor")})
    db.session.commit()
    delivering.deliver()

    data = json.loads(receiver.seen[0][1])["data"]
    assert data["changes"] == {"role": {"before": "User", "after": "Editor"}}


def test_webhooks_get_the_events_that_they_chose(receiver, suspend, admin):
    chosen = make_webhook(receiver.url, SUSPENDED, "user.reactivated")
    everything = make_webhook(receiver.url)
    make_webhook(receiver.url, "user.reactivated")
    make_webhook(receiver.url, state=WebhookState.PAUSED)
    make_webhook(receiver.url, state=WebhookState.OFF)
    suspend()

    assert [row.webhook_id for row in deliveries(action=SUSPENDED)] == [chosen.id, everything.id]


def test_events_of_many_rows_are_sent_one_by_one(receiver, make_user):
    make_webhook(receiver.url, SUSPENDED)
    record_all(SUSPENDED, [make_user() for _ in range(3)], by=None, label=User.email)
    db.session.commit()

    assert delivering.deliver() == 3
    assert len({headers["webhook-id"] for headers, _body in receiver.seen}) == 3


def test_an_event_that_is_undone_is_not_sent(receiver, make_user):
    make_webhook(receiver.url, SUSPENDED)
    user = make_user()

    def fail():
        audit.record(SUSPENDED, by=None, subject=user)
        db.session.flush()
        raise LookupError

    with pytest.raises(LookupError), savepoint():
        fail()
    db.session.commit()

    assert deliveries() == []


# Failures


def test_a_failure_is_tried_again_with_the_same_id(receiver, suspend):
    webhook = make_webhook(receiver.url, SUSPENDED)
    receiver.answers(503, b"later")
    with time_machine.travel(now(), tick=False) as clock:
        suspend()
        delivering.deliver()
        (row,) = deliveries()
        assert (row.state, row.status, row.answer) == ("pending", 503, "later")
        assert row.next_try_at == now() + timedelta(seconds=WAITS[0])
        assert webhook.failing_since is not None
        assert delivering.deliver() == 0

        clock.shift(WAITS[0])
        delivering.deliver()
    (row,) = deliveries()
    assert (row.state, row.attempts) == ("sent", 2)
    assert webhook.failing_since is None
    assert len({headers["webhook-id"] for headers, _body in receiver.seen}) == 1


def test_after_three_days_the_webhook_is_off_and_administrators_get_a_mail(receiver, suspend):
    webhook = make_webhook(receiver.url, SUSPENDED)
    user = suspend()
    assert timedelta(days=3) < fail_again(receiver) < timedelta(days=4)

    (row,) = deliveries()
    assert (row.state, row.attempts) == ("failed", 1 + len(WAITS))
    assert (webhook.state, webhook.off_reason) == ("off", "The server answered 500.")
    kind = EmailMessage.message == "webhook_turned_off"
    mails = db.session.scalars(select(EmailMessage).where(kind)).all()
    assert [mail.recipient for mail in mails] == ["admin@example.com"]
    assert user.email != "admin@example.com"
    action = AuditEvent.action == "webhook.turned_off"
    assert db.session.scalars(select(AuditEvent).where(action)).one().subject_id == webhook.id
    suspend()
    assert len(deliveries(action=SUSPENDED)) == 1


def test_a_webhook_that_one_event_alone_fails_to_reach_stays_on(receiver, suspend):
    webhook = make_webhook(receiver.url, SUSPENDED)
    suspend()
    webhook.succeeded_at = now() + timedelta(days=1)
    db.session.commit()
    fail_again(receiver)

    assert deliveries()[0].state == "failed"
    assert webhook.state == "active"


def test_a_server_that_asks_for_no_more_is_turned_off_at_once(receiver, suspend):
    webhook = make_webhook(receiver.url, SUSPENDED, succeeded_at=now() + timedelta(days=1))
    receiver.answers(410)
    suspend()
    delivering.deliver()

    assert deliveries()[0].state == "failed"
    assert webhook.state == "off"


def test_a_redirect_is_not_followed(receiver, suspend):
    make_webhook(receiver.url, SUSPENDED)
    receiver.answers(302, Location=receiver.url)
    suspend()
    delivering.deliver()

    assert len(receiver.seen) == 1
    (row,) = deliveries()
    assert (row.state, row.error) == ("pending", "The server answered 302.")


def test_a_server_that_is_away_is_left_alone_for_a_while(receiver, suspend):
    away = make_webhook("http://127.0.0.1:9/", SUSPENDED)
    with time_machine.travel(now(), tick=False) as clock:
        suspend()
        assert delivering.deliver() == 1
        assert away.held_until == now() + HOLD
        there = make_webhook(receiver.url, SUSPENDED)
        suspend()
        assert delivering.deliver() == 1
        assert deliveries(webhook_id=there.id)[0].state == "sent"
        clock.shift(HOLD)
        assert delivering.deliver() == 2
    assert "could not be reached" in deliveries(webhook_id=away.id)[0].error


def test_a_long_answer_is_cut_and_nul_left_out(receiver, suspend):
    make_webhook(receiver.url, SUSPENDED)
    receiver.answers(200, b"\0\xff" + b"x" * 100_000)
    suspend()
    delivering.deliver()

    (row,) = deliveries()
    assert row.state == "sent"
    assert len(row.answer) < 2_001
    assert "\0" not in row.answer


# Leases


def test_a_delivery_has_one_worker_at_a_time_until_its_lease_ends(receiver, suspend):
    make_webhook(receiver.url, SUSPENDED)
    with time_machine.travel(now(), tick=False) as clock:
        suspend()
        (lease,) = leases.take()
        assert leases.take() == []
        clock.shift(leases.LEASE)
        (later,) = leases.take()
        assert (later.delivery_id, later.attempt) == (lease.delivery_id, 2)

        (row,) = deliveries()
        delivering.record(lease, row.webhook_id, DeliveryOutcome(status=200))
        assert deliveries()[0].state == "sending"
        delivering.record(later, row.webhook_id, DeliveryOutcome(status=200))
        assert deliveries()[0].state == "sent"


def test_a_webhook_that_is_deleted_meanwhile_breaks_nothing(receiver, suspend, admin):
    webhook = make_webhook(receiver.url, SUSPENDED)
    suspend()
    (lease,) = leases.take()
    services.remove(webhook, by=admin)

    delivering.record(lease, webhook.id, DeliveryOutcome(status=200))
    assert deliveries() == []


def test_a_delivery_of_a_paused_webhook_waits(receiver, suspend, admin):
    webhook = make_webhook(receiver.url, SUSPENDED)
    suspend()
    services.pause(webhook, by=admin)
    assert delivering.deliver() == 0
    services.resume(webhook, by=admin)
    assert delivering.deliver() == 1


# Secrets


def test_for_a_day_after_a_rotation_both_secrets_sign(receiver, suspend, admin):
    webhook = make_webhook(receiver.url, SUSPENDED)
    before = services.show_secret(webhook, by=admin)
    services.rotate_secret(webhook, by=admin)
    assert services.show_secret(webhook, by=admin) != before
    suspend()
    delivering.deliver()
    assert len(receiver.seen[0][0]["webhook-signature"].split()) == 2
    assert verified(webhook, receiver.seen[0]) == verified(webhook, receiver.seen[0], which=1)

    with time_machine.travel(now() + services.BOTH_SIGN_FOR, tick=False):
        suspend()
        delivering.deliver()
    assert len(receiver.seen[1][0]["webhook-signature"].split()) == 1


def test_secrets_are_encrypted_each_for_its_own_webhook(receiver, suspend, admin):
    webhook = make_webhook(receiver.url, SUSPENDED)
    other = make_webhook(receiver.url, "user.reactivated")
    assert services.show_secret(webhook, by=admin) not in webhook.encrypted
    webhook.encrypted = other.encrypted
    db.session.commit()
    suspend()
    delivering.deliver()

    assert receiver.seen == []
    assert deliveries()[0].error == "The secret cannot be decrypted."
    assert maintenance.count_unreadable() == 1


# The setting


def test_a_private_address_is_never_asked(receiver, suspend, app, monkeypatch):
    make_webhook(receiver.url, SUSPENDED, name="http")
    port = receiver.server_address[1]
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "a.localhost"):
        make_webhook(f"https://{host}:{port}/", SUSPENDED, name=host)
    monkeypatch.setitem(app.config, "WEBHOOK_PRIVATE_HOSTS", False)
    suspend()
    delivering.deliver()

    assert receiver.seen == []
    assert {row.state for row in deliveries()} == {"pending"}
    assert all(row.error for row in deliveries())


# Tests, and sending again


@pytest.mark.parametrize("state", WebhookState)
def test_a_test_goes_to_webhooks_in_each_state_and_is_tried_once(receiver, admin, state):
    webhook = make_webhook(receiver.url, SUSPENDED, state=state)
    receiver.answers(500)
    services.test(webhook, by=admin)
    delivering.deliver()

    payload = verified(webhook, receiver.seen[0])
    assert payload["type"] == "test"
    (row,) = deliveries()
    assert (row.state, row.error) == ("failed", "The server answered 500.")
    assert webhook.state == state


def test_a_delivery_is_sent_again_with_the_same_id(receiver, suspend, admin):
    make_webhook(receiver.url, SUSPENDED)
    suspend()
    with pytest.raises(services.NotResendable):
        services.resend(deliveries()[0], by=admin)
    delivering.deliver()
    services.resend(deliveries()[0], by=admin)
    delivering.deliver()

    assert len(receiver.seen) == 2
    assert receiver.seen[0][0]["webhook-id"] == receiver.seen[1][0]["webhook-id"]


# Erasing, and the clean-up


def test_erased_users_are_named_in_no_payload_and_no_answer(receiver, suspend):
    make_webhook(receiver.url, SUSPENDED)
    user = suspend(email="grace@example.com")
    receiver.answers(500, b"grace@example.com is unknown")
    delivering.deliver()
    erased = ErasedUser(user.id, user.email, [user.email, user.full_name()])
    retention.anonymise({user.id: erased}, lambda _emails: set())
    db.session.commit()
    assert deliveries()[0].answer == ""

    db.session.execute(update(WebhookDelivery).values(next_try_at=now()))
    db.session.commit()
    delivering.deliver()
    body = receiver.seen[1][1].decode()
    assert "grace@example.com" not in body
    assert f"deleted user #{user.id}" in body


def test_old_deliveries_are_deleted_and_so_are_those_of_deleted_events(receiver, suspend, app):
    make_webhook(receiver.url, SUSPENDED)
    with time_machine.travel(now() - timedelta(days=31), tick=False):
        suspend()
    suspend()
    assert maintenance.purge() == 1
    assert len(deliveries()) == 1

    app.config["KEEP_AUDIT_EVENTS"], kept = 0, app.config["KEEP_AUDIT_EVENTS"]
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        retention.purge()
    app.config["KEEP_AUDIT_EVENTS"] = kept
    assert deliveries() == []


def test_an_event_that_cannot_be_written_keeps_no_other_back(receiver, suspend, monkeypatch):
    webhook, usual = make_webhook(receiver.url, SUSPENDED), payloads.body_of
    suspend()
    suspend()
    poisoned, other = deliveries(webhook_id=webhook.id)

    def write(row):
        return 1 / 0 if row.id == poisoned.id else usual(row)

    monkeypatch.setattr(payloads, "body_of", write)
    assert delivering.deliver() == 2
    assert other.state == DeliveryState.SENT
    assert (poisoned.state, poisoned.error) == ("pending", "The message could not be written.")


def test_a_slow_server_takes_turns_with_the_others(receiver, suspend, monkeypatch):
    monkeypatch.setattr(leases, "AT_ONCE", 2)
    slow = make_webhook("https://slow.example/", SUSPENDED)
    for _ in range(4):
        suspend()
    for lease in leases.take():
        delivering.record(lease, slow.id, DeliveryOutcome(status=200, milliseconds=9_000))
    other = make_webhook(receiver.url, SUSPENDED)
    suspend()
    (lease,) = leases.take()
    assert db.session.get(WebhookDelivery, lease.delivery_id).webhook_id == other.id
    with time_machine.travel(now() + timedelta(seconds=10)):
        assert len(leases.take()) == 2
