"""Measure the worker: jobs and mails per second, latency, and recovery after a kill."""

import os
import signal
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from flask import Flask
from redis import Redis
from rq import Queue
from sqlalchemy import select

from app import create_app, emails
from app.extensions import db
from app.kit import queue
from app.kit.mail import outbox
from app.models import User
from benchmarks import kit_worker, stock
from benchmarks.kit_worker import BEGUN, RELEASE
from benchmarks.results import Result, at_least, compare
from benchmarks.stand import Stand, free_port
from config import BASE_DIR
from settings import product

CERTIFICATE = Path(BASE_DIR) / "tests" / "queue" / "certificate.pem"
KIT, STOCK = f"{product.slug(product.name())}-default", "stock"
WAIT = 60  # seconds
MAIL_BAR, JOBS_BAR, LATENCY_BAR, RECOVERY_BAR = 8, 4, 0.01, 20

KIT_WORKER = [sys.executable, "-m", "benchmarks.kit_worker", "run_worker"]
RQ_WORKER = [sys.executable, "-m", "rq.cli", "worker", STOCK, "--logging_level", "ERROR"]
PRELOADED_WORKER = [sys.executable, "-m", "benchmarks.stock"]


class Sink:
    """A mail server that counts the received mails and requires STARTTLS."""

    def __init__(self) -> None:
        self.count = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self.port = free_port()
        self.controller = Controller(
            self, "127.0.0.1", self.port, tls_context=context, require_starttls=True
        )

    async def handle_DATA(self, *_arguments: Any) -> str:  # noqa: N802
        self.count += 1
        return "250 OK"

    def __enter__(self) -> "Sink":
        self.controller.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.controller.stop()


def mails(stand: Stand) -> Iterator[Result]:
    """Send mails with the kit's worker and with `rq worker`, which connects for each mail."""
    with Sink() as sink, _queue(stand) as (app, redis, environment):
        environment |= {
            "MAIL_SERVER": "localhost",
            "MAIL_PORT": str(sink.port),
            "MAIL_CA_FILE": str(CERTIFICATE),
        }
        jobs = Queue(STOCK, connection=redis)
        sizes = stand.sizes

        def people() -> list[User]:
            return list(db.session.scalars(select(User).limit(sizes.mails)))

        def in_one_go() -> float:
            with app.app_context():
                rows = [emails.send_password_changed(person) for person in people()]
                started = time.monotonic()
                outbox.commit_and_notify(*rows)
            return _per_second(redis, KIT, started, sizes.mails)

        def one_by_one() -> float:
            """Write each mail as a page does, while the worker sends them."""
            with app.app_context():
                found = people()
                db.session.expunge_all()
                started = time.monotonic()
                for person in found:
                    outbox.commit_and_notify(emails.send_password_changed(person))
            return _per_second(redis, KIT, started, sizes.mails)

        def by_rq() -> float:
            to_do = [
                Queue.prepare_data(stock.send, args=(f"{number}@example.com",))
                for number in range(sizes.stock_jobs)
            ]
            started = time.monotonic()
            jobs.enqueue_many(to_do)
            return _per_second(redis, STOCK, started, sizes.stock_jobs)

        with _worker(KIT_WORKER, environment, redis), _worker(RQ_WORKER, environment, redis):
            by_rq()  # The first job compiles its modules, so it is not measured.
            in_one_go()
            written = {
                "Mails of the worker, `rq worker`": compare(sizes.rounds, in_one_go, by_rq),
                "… written one by one": compare(sizes.rounds, one_by_one, by_rq),
            }
        expected = (1 + 2 * sizes.rounds) * (sizes.mails + sizes.stock_jobs)
    if sink.count != expected:
        raise RuntimeError(f"{sink.count} of {expected} mails came")
    for subject, found in written.items():
        measure = f"{found.first:.0f}/s, {found.second:.0f}/s"
        yield at_least(subject, measure, found.ratio, MAIL_BAR)


def jobs(stand: Stand) -> Iterator[Result]:
    """Run jobs that do nothing, and jobs that report the time of their start."""
    with _queue(stand) as (app, redis, environment), app.app_context():
        others = Queue(STOCK, connection=redis)

        def by_the_kit() -> float:
            started = time.monotonic()
            queue.enqueue_many("nothing", [{} for _ in range(stand.sizes.jobs)])
            return _per_second(redis, KIT, started, stand.sizes.jobs)

        def by_rq() -> float:
            count = stand.sizes.stock_jobs
            to_do = [Queue.prepare_data(stock.nothing) for _ in range(count)]
            started = time.monotonic()
            others.enqueue_many(to_do)
            return _per_second(redis, STOCK, started, count)

        with (
            _worker(KIT_WORKER, environment, redis),
            _worker(PRELOADED_WORKER, environment, redis),
        ):
            found = compare(stand.sizes.rounds, by_the_kit, by_rq)
        with _worker(KIT_WORKER, environment, redis):
            late = sorted(_lateness(redis) for _ in range(stand.sizes.jobs // 5))
    measure = f"{found.first:.0f}/s, {found.second:.0f}/s"
    yield at_least("Jobs of the worker, RQ's with the app loaded", measure, found.ratio, JOBS_BAR)
    usual = statistics.median(late)
    measure = f"{usual * 1000:.1f} ms, {late[len(late) * 95 // 100] * 1000:.1f} ms for 95 %"
    bar = f"≤ {LATENCY_BAR * 1000:.0f} ms"
    yield Result("From commit to start", measure, bar=bar, met=usual <= LATENCY_BAR)


def recovery(stand: Stand) -> Iterator[Result]:
    """Kill the worker during a job, and let another worker take over."""
    with _queue(stand) as (app, redis, environment), app.app_context():
        for victim in stand.sizes.kills:
            redis.flushall()
            with _worker(KIT_WORKER, environment, redis) as process:
                queue.enqueue("hold")
                first = int(_begun(redis))
                started = time.monotonic()
                _kill(victim, process.pid, first)
                with _worker(KIT_WORKER, environment, redis):
                    _begun(redis)
                    seconds = time.monotonic() - started
                    twice = _runs(first)
                    redis.rpush(RELEASE, 1)
                    _until(lambda: not _left(redis, KIT), "the job has ended")
            yield Result(
                f"Again after a SIGKILL of the {victim}",
                f"{seconds:.1f} s" + ", while the first still ran" * twice,
                bar=f"≤ {RECOVERY_BAR} s",
                met=seconds <= RECOVERY_BAR and not twice,
            )


def _kill(victim: str, parent: int, child: int) -> None:
    if victim != "child":
        os.kill(parent, signal.SIGSTOP)  # The parent must not notice the death of its child.
    if victim != "parent":
        os.kill(child, signal.SIGKILL)
    if victim != "child":
        os.kill(parent, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _lateness(redis: Redis) -> float:
    queue.enqueue("tell", at=time.monotonic())
    return float(_begun(redis))


def _begun(redis: Redis) -> bytes:
    found: Any = redis.blpop([BEGUN], timeout=WAIT)
    if found is None:
        raise RuntimeError("no job has begun")
    return found[1]


@contextmanager
def _queue(stand: Stand) -> Iterator[tuple[Flask, Redis, dict[str, str]]]:
    """Yield an app that enqueues jobs, its Redis, and the environment for a worker."""
    database, redis_url = stand.database(stand.sizes.few_people).url, stand.redis()
    settings = {"SQLALCHEMY_DATABASE_URI": database, "REDIS_URL": redis_url}
    app = create_app("production", settings)
    environment = {**os.environ, "DATABASE_URL": database, "REDIS_URL": redis_url}
    known = dict(queue.TASKS)
    kit_worker.register()
    try:
        with closing(Redis.from_url(redis_url, socket_timeout=None)) as redis:
            yield app, redis, environment
    finally:
        queue.TASKS.clear()
        queue.TASKS.update(known)
    with app.app_context():
        db.engine.dispose()


@contextmanager
def _worker(
    command: list[str], environment: dict[str, str], redis: Redis
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker, wait until it is registered, and stop it at the end of the block."""
    there = redis.scard("rq:workers")
    process = subprocess.Popen(
        command,
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _until(lambda: redis.scard("rq:workers") > there, f"{command} has started", process)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(WAIT)


def _per_second(redis: Redis, name: str, started: float, count: int) -> float:
    _until(lambda: not _left(redis, name), f"{count} jobs of {name} have ended")
    return count / (time.monotonic() - started)


def _left(redis: Redis, name: str) -> int:
    """Return the number of jobs that wait or run."""
    with redis.pipeline() as pipeline:
        pipeline.llen(f"rq:queue:{name}")
        pipeline.llen(f"rq:queue:{name}:intermediate")
        pipeline.zcard(f"rq:wip:{name}")
        return sum(pipeline.execute())


def _until(
    condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes] | None = None
) -> None:
    until = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > until or (process is not None and process.poll() is not None):
            raise RuntimeError(f"waited in vain: {what}")
        time.sleep(0.005)
