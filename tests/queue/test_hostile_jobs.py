"""Jobs that an attacker pushed to Redis: none of their code runs, and the worker continues."""

import json
import pickle
import socket
import time
import uuid
import zlib

import pytest

from app.emails import send_reset_password
from app.extensions import db
from app.kit import queue
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.kit.queue.jobs import TaskJob
from app.kit.queue.worker import TaskWorker
from tests.queue.support import until

QUEUE = "rq:queue:test-default"


class Touch:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def push(own_redis, data: bytes, job_id: str | None = None, **fields) -> str:
    """Push a job as an attacker with access to Redis would, even if RQ's own API refuses it."""
    job_id = job_id or uuid.uuid4().hex
    values = {"data": zlib.compress(data), "status": "queued", "origin": "test-default"}
    own_redis.client.hset(f"rq:job:{job_id}", mapping={**values, "timeout": "60", **fields})
    own_redis.client.sadd("rq:queues", QUEUE)
    own_redis.client.rpush(QUEUE, job_id)
    return job_id


def call(name, *args, instance=None, **kwargs) -> bytes:
    return json.dumps([name, instance, args, kwargs]).encode()


@pytest.fixture
def marker(tmp_path):
    """Return the path of a file that must not be created."""
    return tmp_path / "was-run"


@pytest.fixture
def survives(web, start_worker, smtp):
    """Return a function that lets a worker drain the queue and checks that it still works."""

    def drain() -> str:
        row = send_reset_password("nobody@example.com")
        outbox.commit_and_notify(row)
        worker = start_worker()
        worker.wait_for_line(r"email \d+ \(reset_password\) cancelled")
        assert worker.output.count("waits for tasks") == 1
        assert worker.process.poll() is None
        return worker.output

    return drain


def test_a_function_that_is_no_task_is_refused_and_logged(own_redis, marker, survives):
    """F13"""
    names = ["os.system", "subprocess.getoutput", "builtins.eval", "app.kit.mail.outbox.sweep"]
    for name in names:
        push(own_redis, call(name, f"touch {marker}"))

    output = survives()

    assert not marker.exists()
    for name in names:
        assert f"refused: '{name}' is not a task" in output


def test_a_task_is_not_given_an_object_or_unnamed_arguments(own_redis, survives):
    push(own_redis, call("sweep_outbox", 1))
    push(own_redis, call("sweep_outbox", instance={"a": 1}))

    assert survives().count("with more than named arguments") == 2


def test_a_pickle_is_never_loaded(own_redis, marker, survives):
    payload = pickle.dumps(Touch(str(marker)))
    push(own_redis, payload)
    for field in ("meta", "result"):
        push(own_redis, call("sweep_outbox"), **{field: payload})

    survives()

    assert not marker.exists()


def test_callbacks_are_not_called(own_redis, survives):
    for kind in ("success", "failure", "stopped"):
        for name in ("sweep_outbox", "os.getcwd"):
            target = {f"{kind}_callback_name": "os.abort", f"{kind}_callback_timeout": 5}
            push(own_redis, call(name), **target)

    output = survives()

    assert "callback" not in output
    assert "terminated unexpectedly" not in output


def test_webhooks_are_not_called(own_redis, survives):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        hook = {
            "url": f"http://127.0.0.1:{server.getsockname()[1]}/",
            "job_status": "finished",
            "method": "GET",
            "headers": None,
            "timeout": 5,
        }
        push(own_redis, call("sweep_outbox"), webhooks=json.dumps([hook]))

        survives()

        with pytest.raises(BlockingIOError):
            server.accept()


UNREADABLE = [
    {"status": "no such status"},
    {"created_at": "yesterday"},
    {"timeout": "soon"},
    {"retries_left": "many"},
    {"dependency_ids": "{"},
    {"description": b"\xff\xfe"},
    {"origin": b"\xff"},
]
NO_CALLS = [b"", b"{}", b"[1,2]", b'["sweep_outbox"', b"\x80\x04", b"null"]
NO_IDS = [b"\xff\xfe", b"a b", b"../etc", b"", b"x" * 5000]


def test_unreadable_jobs_are_dropped(own_redis, survives):
    """F13"""
    for fields in UNREADABLE:
        push(own_redis, call("sweep_outbox"), **fields)
    for data in NO_CALLS:
        push(own_redis, data)
    for job_id in NO_IDS:
        own_redis.client.rpush(QUEUE, job_id)

    survives()


def test_a_key_that_holds_no_job_is_dropped(own_redis, survives):
    own_redis.client.set("rq:job:text", "hello")
    own_redis.client.rpush(QUEUE, "text", "missing")

    survives()


def test_a_name_cannot_start_a_line_in_the_log(own_redis, survives):
    push(own_redis, call("x\nFAKE: all is well"))

    output = survives()

    assert not [line for line in output.splitlines() if line.startswith("FAKE")]


@pytest.mark.slow
def test_an_unreadable_job_of_a_dead_worker_does_not_stop_the_next_worker(own_redis, survives):
    key = f"{QUEUE}:intermediate"
    push(own_redis, call("sweep_outbox"), job_id="broken", status="no such status")
    own_redis.client.delete(QUEUE)
    own_redis.client.rpush(key, "broken", b"\xff\xfe")

    survives()

    until(lambda: not own_redis.client.llen(key), "it is dropped")


@pytest.mark.timing
def test_a_queue_that_is_none_does_not_keep_the_worker_busy(own_redis, web, start_worker):
    worker = start_worker()
    own_redis.client.delete(QUEUE)
    own_redis.client.set(QUEUE, "hello")
    worker.wait_for_line("unhandled exception", 2)
    before = worker.lines.count("The worker waits for tasks in test-default.\n")
    time.sleep(2)

    assert worker.lines.count("The worker waits for tasks in test-default.\n") <= before + 3
    own_redis.client.delete(QUEUE)
    own_redis.client.rpush(QUEUE, push(own_redis, call("os.system", "true")))
    worker.wait_for_line("refused")


def test_jobs_of_another_app_on_the_same_redis_are_left_alone(own_redis, web, start_worker):
    own_redis.client.rpush("rq:queue:other-default", push(own_redis, call("os.system", "true")))
    worker = start_worker()
    worker.wait_for_line("refused")

    assert own_redis.client.llen("rq:queue:other-default") == 1
    assert web.config["RQ_QUEUES"] == ["test-default"]


def test_flask_rq2_makes_the_same_guarded_kinds(web):
    made = web.extensions["rq2"].get_worker()

    assert isinstance(made, TaskWorker)
    assert made.job_class is TaskJob
    assert queue.TASKS.keys() >= {"clean_up", "drain_outbox", "sweep_outbox"}
    # The names from Flask-RQ2's documentation, and other names that are not the app's own.
    modules = {task.function.__module__ for task in queue.TASKS.values()}
    assert all(name.startswith("app.") and name.endswith(".tasks") for name in modules)
    assert "rq" not in web.cli.commands
    assert db.session.query(EmailMessage).count() == 0
