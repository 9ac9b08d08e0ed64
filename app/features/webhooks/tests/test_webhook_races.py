"""Events, deletions and workers at the same moment."""

from contextlib import suppress
from functools import partial

import pytest

from app.extensions import db
from app.features.webhooks import delivering, leases, services
from app.features.webhooks.delivering import DeliveryOutcome
from app.features.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from app.features.webhooks.services import WebhookGone
from app.features.webhooks.tests.support import SUSPENDED, deliveries, make_delivery, make_webhook
from app.models import User
from app.services import users
from tests.factories import make_user

ROUNDS = 5
URL = "https://example.com/hooks"


def test_an_event_is_recorded_while_its_webhook_is_deleted(race):
    for _ in range(ROUNDS):
        webhook_id, user_id = make_webhook(URL, SUSPENDED).id, make_user().id
        by_id = make_user(role="Administrator").id

        def suspend(user_id=user_id, by_id=by_id):
            users.suspend(db.session.get(User, user_id), by=db.session.get(User, by_id))

        def delete(webhook_id=webhook_id, by_id=by_id):
            webhook = db.session.get(Webhook, webhook_id)
            services.remove(webhook, by=db.session.get(User, by_id))

        assert race(suspend, delete) == [None, None]
        assert db.session.get(User, user_id, populate_existing=True).is_suspended
        assert deliveries(webhook_id=webhook_id) == []


def test_each_delivery_goes_to_one_of_several_workers(race):
    webhook = make_webhook(URL)
    made = {make_delivery(webhook).id for _ in range(40)}
    taken = race(*[leases.take] * 4)
    again = race(*[leases.take] * 4)
    found = [lease.delivery_id for one in (*taken, *again) for lease in one]

    assert len(found) == len(set(found))
    assert set(found) <= made


@pytest.mark.parametrize("times", [4])
def test_a_delivery_that_many_send_again_is_queued_once(race, times):
    delivery = make_delivery(make_webhook(URL), state="failed")
    delivery_id, by_id = delivery.id, make_user(role="Administrator").id

    def resend():
        row = db.session.get(type(delivery), delivery_id)
        services.resend(row, by=db.session.get(User, by_id))
        return "queued"

    results = race(*[resend] * times)
    assert results.count("queued") == 1
    assert {type(one) for one in results if one != "queued"} == {services.NotResendable}


def test_an_attempt_is_recorded_while_its_webhook_is_deleted(race):
    by_id = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        webhook = make_webhook(URL)
        made = [make_delivery(webhook).id for _ in range(8)]
        taken, webhook_id = leases.take(), webhook.id
        assert len(taken) == len(made)

        def record(taken=taken, webhook_id=webhook_id):
            for lease in taken:
                delivering.record(lease, webhook_id, DeliveryOutcome(status=200))

        def delete(webhook_id=webhook_id):
            webhook = db.session.get(Webhook, webhook_id)
            services.remove(webhook, by=db.session.get(User, by_id))

        assert race(record, delete) == [None, None]
        assert deliveries(webhook_id=webhook_id) == []


def test_a_delivery_is_sent_again_while_its_webhook_is_deleted(race):
    by_id = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        webhook = make_webhook(URL)
        webhook_id = webhook.id
        made = [make_delivery(webhook, state=DeliveryState.SENT).id for _ in range(8)]

        def resend(made=made):
            by = db.session.get(User, by_id)
            with suppress(WebhookGone):
                for delivery_id in made:
                    if delivery := db.session.get(WebhookDelivery, delivery_id):
                        services.resend(delivery, by=by)

        def delete(webhook_id=webhook_id):
            webhook = db.session.get(Webhook, webhook_id)
            services.remove(webhook, by=db.session.get(User, by_id))

        assert race(resend, delete) == [None, None]
        assert deliveries(webhook_id=webhook_id) == []


def test_events_are_recorded_while_webhooks_are_changed(race):
    """Each change records an event for the other webhook, which is locked by its own change."""
    by_id = make_user(role="Administrator").id
    ids = [make_webhook(URL).id for _ in range(4)]

    def pause_and_resume(webhook_id):
        for _ in range(ROUNDS):
            webhook, by = db.session.get(Webhook, webhook_id), db.session.get(User, by_id)
            services.pause(webhook, by=by)
            services.resume(webhook, by=by)

    assert race(*(partial(pause_and_resume, one) for one in ids)) == [None] * 4


def test_webhooks_are_deleted_at_the_same_moment(race):
    by_id = make_user(role="Administrator").id

    def delete(webhook_id):
        services.remove(db.session.get(Webhook, webhook_id), by=db.session.get(User, by_id))

    for _ in range(ROUNDS):
        ids = [make_webhook(URL).id for _ in range(4)]
        assert race(*(partial(delete, one) for one in ids)) == [None] * 4
