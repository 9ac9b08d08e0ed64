"""A real worker delivers webhooks, also after Redis was away or a worker was killed."""

import pytest
from sqlalchemy import update

from app.extensions import db
from app.features.webhooks.models import WebhookDelivery
from app.features.webhooks.tests.support import SUSPENDED, deliveries, make_webhook, verified
from app.kit import outgoing
from app.kit.database import now
from app.services import users
from tests.factories import make_user
from tests.queue.support import until

PRIVATE = {"WEBHOOK_PRIVATE_HOSTS": "true"}


@pytest.fixture
def webhook(web, receiver):
    return make_webhook(receiver.url, SUSPENDED)


def suspend():
    users.suspend(make_user(), by=make_user(role="Administrator"))


def states():
    db.session.rollback()  # A transaction sees nothing that the worker commits meanwhile.
    found = [row.state for row in deliveries()]
    db.session.rollback()  # One that stays open would keep the worker waiting.
    return found


def test_an_event_goes_to_a_server(webhook, start_worker, receiver):
    start_worker(**PRIVATE)
    suspend()

    (request,) = receiver.wait_for(1)
    assert verified(webhook, request)["type"] == SUSPENDED
    until(lambda: states() == ["sent"], "the outcome is recorded")


def test_events_that_no_job_stands_for_are_sent_by_a_sweep(webhook, web, start_worker, receiver):
    """So it is after Redis was away, or has lost the job."""
    usual, web.config["REDIS_URL"] = web.config["REDIS_URL"], ""
    suspend()
    web.config["REDIS_URL"] = usual
    start_worker(**PRIVATE)

    receiver.wait_for(1)
    until(lambda: states() == ["sent"], "a sweep finds the delivery")


def test_a_worker_without_redis_delivers(webhook, run, receiver):
    suspend()
    run("run_worker", "--no-redis", **PRIVATE)

    receiver.wait_for(1)
    until(lambda: states() == ["sent"], "the delivery goes out without a queue")


def test_another_worker_sends_the_delivery_of_a_killed_one(
    webhook, own_redis, start_worker, receiver
):
    receiver.gate.clear()
    suspend()
    worker = start_worker(**PRIVATE)
    receiver.wait_for(1)
    worker.end()
    assert states() == ["sending"]
    # Let the lease end, which takes 70 seconds otherwise.
    db.session.execute(update(WebhookDelivery).values(next_try_at=now()))
    db.session.commit()
    own_redis.client.flushall()
    receiver.gate.set()
    start_worker(**PRIVATE)

    receiver.wait_for(2)
    until(lambda: states() == ["sent"], "another worker sends it again")
    assert len({headers["webhook-id"] for headers, _body in receiver.seen}) == 1


def test_a_hold_keeps_deliveries_back_until_it_is_released(webhook, run, receiver):
    suspend()
    outgoing.hold("Restored from a backup.")
    held = run("run_worker", "--no-redis", "--burst", **PRIVATE)
    assert held.wait() == 0, held.output
    assert (receiver.seen, states()) == ([], ["pending"])

    assert outgoing.waiting()["deliveries of webhooks"] == 1
    outgoing.release()
    assert run("run_worker", "--no-redis", "--burst", **PRIVATE).wait() == 0
    assert states() == ["sent"]

    suspend()
    outgoing.hold("Restored again.")
    assert outgoing.release(cancel_older=True)["deliveries of webhooks"] == 1
    assert run("run_worker", "--no-redis", "--burst", **PRIVATE).wait() == 0
    assert states() == ["sent", "failed"]
    assert len(receiver.seen) == 1
