"""Events, deletions and workers at the same moment."""

import pytest

from app.extensions import db
from app.features.webhooks import leases, services
from app.features.webhooks.models import Webhook
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
