"""Redis is down, frozen, full or read-only: pages answer, and their jobs run later."""

import signal
import time

import pytest
from sqlalchemy import select, update

from app.emails import send_reset_password
from app.extensions import db
from app.kit import queue
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import User
from tests.queue.support import is_running, until
from tests.queue.test_end_to_end import PERSON

PROGRAM = "tests/queue/manage.py"
A_WHILE = 1.8  # seconds: Redis may take one, and the page takes its own time


@pytest.fixture(params=["refused", "frozen", "frozen-in-use", "full", "read-only", "no-redis"])
def away(request, own_redis, web):
    """Make Redis unavailable in one of several ways."""
    client = own_redis.client
    if request.param == "refused":
        own_redis.stop()
    elif request.param == "frozen":
        own_redis.freeze()
    elif request.param == "frozen-in-use":
        queue.enqueue("sweep_outbox")
        own_redis.freeze()
    elif request.param == "full":
        client.config_set("maxmemory", "1")
        client.config_set("maxmemory-policy", "noeviction")
    elif request.param == "read-only":
        client.replicaof("127.0.0.1", "1")
    else:
        client.config_set("requirepass", "changed meanwhile")
    client.close()
    return request.param


@pytest.mark.timing
def test_twenty_jobs_cost_no_more_than_a_second_in_all(away):
    began = time.monotonic()
    queued = [queue.enqueue("sweep_outbox") for _ in range(20)]

    assert time.monotonic() - began < 1.3
    assert queued == [None] * 20


@pytest.mark.timing
def test_registering_works_and_the_mail_is_stored_with_the_account(away, web):
    """F1, F2, F4"""
    browser = web.test_client()
    token = browser.csrf_token("/account/register")
    began = time.monotonic()
    response = browser.post("/account/register", data={**PERSON, "csrf_token": token})

    assert response.status_code == 302
    assert time.monotonic() - began < A_WHILE
    assert db.session.scalar(select(User.email)) == PERSON["email"]
    row = db.session.scalar(select(EmailMessage))
    assert (row.message, row.state, row.attempts) == ("confirm", "pending", 0)


def test_known_and_unknown_addresses_are_answered_alike(own_redis, web, make_account):
    make_account("ada@example.com")
    own_redis.stop()
    answers = []
    for address in ("ada@example.com", "nobody@example.com"):
        response = web.test_client().submit("/account/reset-password", {"email": address})
        answers.append((response.status_code, response.headers["Location"]))

    assert answers[0] == answers[1]


@pytest.fixture
def make_account(web):
    def make(email):
        db.session.add(User(email=email, first_name="Ada", last_name="L", confirmed=True))
        db.session.commit()

    return make


@pytest.mark.timing
def test_redis_is_asked_again_after_a_pause(own_redis, web, monkeypatch):
    own_redis.stop()
    assert queue.enqueue("sweep_outbox") is None
    own_redis.start()
    assert queue.enqueue("sweep_outbox") is None
    monkeypatch.setattr(web.extensions["queue"], "failed_at", time.monotonic() - 10)

    assert queue.enqueue("sweep_outbox") is not None


def test_a_worker_without_redis_waits_and_then_sends_what_was_left(
    own_redis, web, run, smtp, make_account
):
    """F1"""
    make_account("ada@example.com")
    own_redis.stop()
    outbox.commit_and_notify(send_reset_password("ada@example.com"))
    db.session.execute(update(EmailMessage).values(next_try_at=now()))
    db.session.commit()
    worker = run("run_worker")
    worker.wait_for_line("the worker waits for it")

    own_redis.start()

    assert smtp.wait_for(1)[0]["To"] == "ada@example.com"
    assert worker.output.count("does not answer") == 1


def test_the_worker_outlives_a_restart_and_a_flush_of_redis(
    own_redis, web, start_worker, smtp, make_account
):
    make_account("ada@example.com")
    worker = start_worker()
    own_redis.stop()
    worker.wait_for_line("the worker waits for it")
    own_redis.start()
    worker.wait_for_line("Redis is back")
    own_redis.client.flushall()
    outbox.commit_and_notify(send_reset_password("ada@example.com"))

    smtp.wait_for(1)
    assert worker.process.poll() is None


def test_an_idle_worker_sweeps_by_itself(own_redis, web, start_worker, smtp, make_account):
    make_account("ada@example.com")
    worker = start_worker(program=PROGRAM, WORKER_SWEEP_INTERVAL="3", WORKER_POLL="1")
    until(lambda: own_redis.client.get("test-default:sweep"), "the first sweep")
    row = send_reset_password("ada@example.com")
    row.next_try_at = now()
    db.session.commit()

    smtp.wait_for(1)
    worker.wait_for_line("swept the outbox: 1 of 1")


def test_a_worker_told_to_end_ends_while_redis_hangs(own_redis, web, start_worker):
    worker = start_worker(program=PROGRAM, WORKER_WORKER_TIMEOUT="3")
    own_redis.freeze()
    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert "The worker has ended." in worker.output


@pytest.mark.timing
@pytest.mark.usefixtures("example_tasks")
def test_a_worker_with_a_job_ends_in_time_while_redis_hangs(own_redis, web, start_worker, tmp_path):
    file = tmp_path / "done"
    worker = start_worker(program=PROGRAM, WORKER_STOP_TIMEOUT="1", WORKER_LAST_RESORT="2")
    queue.enqueue("hold", path=str(file))
    until(file.exists, "the job has begun")
    (horse,) = worker.children()
    own_redis.freeze()
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    worker.wait()

    assert time.monotonic() - began < 4
    assert "ends at once" in worker.output
    until(lambda: not is_running(horse), "the job has ended with it")
