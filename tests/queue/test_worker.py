"""The worker as a process: signals, crashes, burst mode and reloading."""

import os
import signal
import socket
from contextlib import suppress
from unittest.mock import Mock

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from app.emails import send_reset_password
from app.extensions import db
from app.kit import queue
from app.kit.database import migrations, now
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.kit.queue import job_process, readiness
from app.kit.queue.worker import make_worker
from app.models import User
from tests.processes import ROOT
from tests.queue.support import states, until


@pytest.fixture
def offer(web):
    """Return a function that adds a user and queues a mail to them."""

    def add(count=1):
        for _ in range(count):
            number = db.session.query(User).count()
            user = User(email=f"p{number}@example.com", first_name="P", last_name="Q")
            db.session.add(user)
            db.session.commit()
            outbox.commit_and_notify(send_reset_password(user.email))

    return add


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_ends_at_once_when_told_to(number, start_worker, web):
    worker = start_worker()
    worker.signal(number)

    assert worker.wait() == 0
    assert "The worker has ended." in worker.output
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_waits_for_redis_ends_when_told_to(number, own_redis, run, web):
    own_redis.stop()
    worker = run("run_worker")
    worker.wait_for_line("the worker waits for it")
    worker.signal(number)

    assert worker.wait() == 0


@pytest.mark.parametrize("options", [[], ["--no-redis"], ["--workers", "2"]], ids=str)
def test_systemd_hears_that_a_worker_has_started(options, own_redis, run, web, tmp_path):
    """Redis may be away: it is no reason for a restart."""
    own_redis.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address := f"{tmp_path}/notify")
        systemd.settimeout(120)
        worker = run("run_worker", *options, NOTIFY_SOCKET=address)
        assert systemd.recv(100) == b"READY=1"
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0


def test_a_worker_told_to_end_finishes_its_mail_first(offer, start_worker, smtp, web):
    """F8"""
    smtp.script.append("hold")
    offer()
    worker = start_worker()
    smtp.wait_until_holding()
    worker.signal(signal.SIGTERM)
    smtp.release.set()

    assert worker.wait() == 0
    assert len(smtp.wait_for(1)) == 1
    assert states(web) == ["sent"]


def test_a_mail_whose_process_is_killed_is_sent_by_the_next_sweep(
    offer, own_redis, start_worker, smtp, web
):
    """F3, F6"""
    smtp.script.append("hold")
    offer()
    worker = start_worker()
    smtp.wait_until_holding()
    (horse,) = worker.children()
    os.kill(horse, signal.SIGKILL)
    worker.wait_for_line("terminated unexpectedly|Work-horse|signal 9|killed")
    assert states(web) == ["sending"]

    # Let the lease expire, which takes 100 seconds otherwise.
    db.session.execute(update(EmailMessage).values(next_try_at=now()))
    db.session.commit()
    smtp.release.set()
    own_redis.client.flushall()

    until(lambda: states(web) == ["sent"], "the mail is sent again")
    assert worker.process.poll() is None
    assert len({mail["Message-ID"] for mail in smtp.mails}) == 1
    assert len(smtp.mails) <= 2


def test_a_retry_whose_process_is_killed_is_sent_at_once(start_worker, smtp, make_mails, web):
    """F6: the worker does not wait for the end of the lease."""
    (row,) = make_mails(1)
    row.attempts = 1
    row.next_try_at = now()
    db.session.commit()
    smtp.script.append("hold")
    worker = start_worker()
    smtp.wait_until_holding()
    (horse,) = worker.children()
    os.kill(horse, signal.SIGKILL)
    smtp.release.set()

    until(lambda: states(web) == ["sent"], "the mail is sent again")
    assert len({mail["Message-ID"] for mail in smtp.mails}) == 1
    assert len(smtp.mails) <= 2


def test_a_mail_whose_whole_worker_is_killed_is_sent_by_another(
    offer, own_redis, start_worker, smtp, web
):
    """F3, F7"""
    smtp.script.append("hold")
    offer()
    worker = start_worker()
    smtp.wait_until_holding()
    worker.end()
    db.session.execute(update(EmailMessage).values(next_try_at=now()))
    db.session.commit()
    smtp.release.set()
    own_redis.client.flushall()

    start_worker()

    until(lambda: states(web) == ["sent"], "the mail is sent again")
    assert len({mail["Message-ID"] for mail in smtp.mails}) == 1


def test_two_workers_send_each_mail_once(offer, start_worker, smtp, web):
    offer(12)
    for _ in range(2):
        start_worker()
    smtp.wait_for(12)
    until(lambda: set(states(web)) == {"sent"}, "all are marked sent")

    assert len(smtp.mails) == 12
    assert len({mail["Message-ID"] for mail in smtp.mails}) == 12


def test_a_burst_ends_when_the_queue_is_empty(offer, run, smtp, web):
    offer(3)
    worker = run("run_worker", "--burst")

    assert worker.wait() == 0
    assert len(smtp.mails) == 3


def test_a_burst_without_redis_fails_with_a_sentence(own_redis, run, web):
    own_redis.stop()
    worker = run("run_worker", "--burst")

    assert worker.wait() == 1
    assert "does not answer" in worker.output
    assert "Traceback" not in worker.output


def test_a_sweep_sends_a_burst_over_one_connection(offer, own_redis, start_worker, smtp, web):
    queue_was = web.config["REDIS_URL"]
    web.config["REDIS_URL"] = ""
    offer(10)
    web.config["REDIS_URL"] = queue_was
    db.session.execute(update(EmailMessage).values(next_try_at=now()))
    db.session.commit()

    start_worker()

    smtp.wait_for(10)
    assert smtp.connections == 1


@pytest.mark.slow
def test_a_worker_restarts_when_code_changes_and_ends_cleanly(run, web):
    worker = run("run_worker", "--reload")
    worker.wait_for_line("waits for tasks")
    (ROOT / "app" / "tasks.py").touch()
    worker.wait_for_line("waits for tasks", 2)
    worker.signal(signal.SIGINT)

    assert worker.wait() == 0
    assert "tasks.py changed" in worker.output
    assert "Traceback" not in worker.output


def test_a_worker_that_reloads_waits_for_the_tables_of_new_code(own_app, capsys, monkeypatch):
    monkeypatch.setattr(readiness, "GLANCE", 0)
    looks = iter([False, False, True])
    with own_app.app_context():
        readiness.wait_for_migrations(lambda: next(looks), print)
        said = capsys.readouterr().out
        assert said.count("Run `python manage.py db upgrade`. The worker waits for it.") == 1
        upgrade(revision="heads")
        readiness.wait_for_migrations(lambda: False, print)
        assert "waits for it" not in capsys.readouterr().out


def test_a_worker_that_reloads_waits_while_the_database_is_locked(own_app, capsys, monkeypatch):
    """It took a locked database for one with tables, and its first tasks failed."""
    monkeypatch.setattr(readiness, "GLANCE", 0)
    error = OperationalError("PRAGMA", {}, Exception("database is locked"))
    looks = iter([False, False, True])
    with own_app.app_context():
        monkeypatch.setattr(migrations, "problem", Mock(side_effect=error))
        readiness.wait_for_migrations(lambda: next(looks), print)
    assert capsys.readouterr().out == "The database does not answer. The worker waits for it.\n"


def test_a_worker_waits_for_the_first_tables(own_redis, run, web):
    """The recurring tasks that are due run at once, and each failed with a traceback."""
    downgrade(revision="base")
    worker = run("run_worker")
    worker.wait_for_line("There are no tables yet.")
    upgrade(revision="heads")
    worker.wait_for_line("task clean_up done")
    worker.signal(signal.SIGINT)

    assert worker.wait() == 0
    assert "Traceback" not in worker.output


def test_a_worker_copies_no_connection(own_redis, web, monkeypatch):
    """A copied connection of SQLite saw no mail that was written after the fork."""
    copied = []
    forked = Mock(side_effect=lambda _run: copied.append(db.engine.pool.checkedin()))
    monkeypatch.setattr(job_process, "fork", forked)
    worker = make_worker()
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert db.engine.pool.checkedin() > 0
    with suppress(AttributeError):  # There is no process.
        worker._ready_horse()

    assert copied == [0]


def test_a_unique_job_waits_only_once(own_redis, web):
    first = queue.enqueue("sweep_outbox", unique_key="sweep")
    again = queue.enqueue("sweep_outbox", unique_key="sweep")

    assert first == again
    assert own_redis.client.llen("rq:queue:test-default") == 1


def test_a_unique_job_that_has_failed_may_be_queued_again(own_redis, web):
    job_id = queue.enqueue("sweep_outbox", unique_key="sweep")
    own_redis.client.delete("rq:queue:test-default")
    own_redis.client.hset(f"rq:job:{job_id}", "status", "failed")

    assert queue.enqueue("sweep_outbox", unique_key="sweep") == job_id
    assert own_redis.client.lrange("rq:queue:test-default", 0, -1) == [job_id.encode()]


def test_only_registered_names_and_json_can_be_queued(web):
    with pytest.raises(queue.UnknownTask):
        queue.enqueue("os.system")
    with pytest.raises(TypeError):
        queue.enqueue("clean_up", when=object())
