"""One job sends many mails: it is notified once, shared by workers, and blocks no other job."""

import json

import pytest
from sqlalchemy import select, update

from app.extensions import db
from app.kit import queue
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.kit.queue.registry import task
from tests.databases import NEEDS_SQLITE
from tests.queue.support import states, until

QUEUE = "rq:queue:test-default"


def waiting(own_redis):
    return [job_id.decode() for job_id in own_redis.client.lrange(QUEUE, 0, -1)]


def test_many_pages_wake_one_job(web, own_redis, make_mails):
    for row in make_mails(3):
        outbox.commit_and_notify(row)

    (job_id,) = waiting(own_redis)
    assert queue.enqueue("drain_outbox") == job_id


@pytest.mark.parametrize("fate", ["started", "scheduled", "canceled", "gone"])
def test_a_job_that_does_not_wait_any_longer_stands_for_no_other(web, own_redis, fate):
    first = queue.enqueue("drain_outbox")
    if fate == "gone":
        own_redis.client.delete(f"rq:job:{first}")
    else:
        own_redis.client.hset(f"rq:job:{first}", "status", fate)
    second = queue.enqueue("drain_outbox")

    assert second != first
    assert waiting(own_redis) == [first, second]
    assert queue.enqueue("drain_outbox") == second


def test_a_job_that_was_lost_stands_for_others_no_longer_than_half_a_minute(web, own_redis):
    queue.enqueue("drain_outbox")

    assert 0 < own_redis.client.ttl("test:waiting:drain_outbox") <= 30


def test_a_task_with_arguments_cannot_coalesce():
    with pytest.raises(TypeError, match="no arguments"):
        task(coalesce=True)(lambda row_id: None)


def test_mails_written_while_others_are_sent_go_as_well(web, start_worker, smtp, make_mails):
    smtp.script.append("hold")
    outbox.commit_and_notify(*make_mails(1))
    start_worker()
    smtp.wait_until_holding()
    outbox.commit_and_notify(*make_mails(3))
    smtp.release.set()

    smtp.wait_for(4)
    until(lambda: states(web) == ["sent"] * 4, "all are marked sent")
    assert smtp.connections == 1


def test_each_mail_is_logged_with_the_request_that_caused_it_also_when_tried_again(
    web, own_redis, start_worker, smtp, make_mails
):
    smtp.script.append("rcpt 451 later")
    rows = make_mails(2)
    for row, request_id in zip(rows, ("request-of-one", "request-of-another"), strict=True):
        row.request_id = request_id
    outbox.commit_and_notify(*rows)
    worker = start_worker(EMAIL_RETRY_SECONDS="1")

    worker.wait_for_line(r"\[request-of-one\].*email 1 .* pending, attempt 1")
    worker.wait_for_line(r"\[request-of-another\].*email 2 .* sent, attempt 1")
    own_redis.client.delete("test-default:sweep")
    worker.wait_for_line(r"\[request-of-one\].*email 1 .* sent, attempt 2")


def test_a_row_holds_the_id_of_its_request(web, monkeypatch):
    monkeypatch.setitem(web.config, "TRUSTED_PROXIES", 1)
    form = {"email": "nobody@example.com"}
    web.test_client().submit(
        "/account/reset-password", form, headers={"X-Request-ID": "request-0123456789"}
    )

    assert db.session.scalar(select(EmailMessage.request_id)) == "request-0123456789"


def test_the_jobs_of_redis_say_nothing_of_the_mails(web, own_redis, make_mails):
    outbox.commit_and_notify(*make_mails(2))
    (job_id,) = waiting(own_redis)
    meta = own_redis.client.hget(f"rq:job:{job_id}", "meta")

    assert json.loads(meta or b"{}") == {}


def test_new_mails_are_found_in_an_index_of_their_own(web, make_mails):
    make_mails(3)
    db.session.execute(update(EmailMessage).values(attempts=1))
    db.session.commit()
    if db.engine.dialect.name != "sqlite":
        pytest.skip(NEEDS_SQLITE)  # PostgreSQL looks at the table while it is small.
    plan = db.session.connection().exec_driver_sql(
        f"EXPLAIN QUERY PLAN {EmailMessage.next_new().compile(db.engine)}", (1, 0)
    )

    assert "ix_email_messages_new" in plan.one()[3]
