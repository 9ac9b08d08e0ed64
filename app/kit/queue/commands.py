"""Define the commands for the worker and, in development, for its Redis."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click
from flask import current_app
from flask.cli import with_appcontext
from gunicorn.systemd import sd_notify
from redis.exceptions import RedisError
from sqlalchemy.orm import configure_mappers

from app.kit import queue, redis_server
from app.kit.mail import leases, outbox
from app.kit.mail import transport as mail
from app.kit.mail.templates import load_templates
from app.kit.queue import holding, readiness
from app.kit.queue.job_process import die_with
from app.kit.queue.worker import make_worker, run_job_process, time_limit
from reloading import keep_running

logger = logging.getLogger(__name__)

WAIT_FOR_REDIS = 1  # seconds between two attempts to reach Redis
STOP_TIMEOUT = 28  # seconds; Heroku kills processes after 30
SWEEP_INTERVAL = 3  # seconds between two sweeps without a queue
PAUSE_BETWEEN_STARTS = 5  # seconds between two starts of a worker that ends by itself


@click.command("run_worker")
@click.option("--workers", default=1, type=click.IntRange(1, 64), help="How many to run.")
@click.option("--no-redis", is_flag=True, help="Send mail from the database, without a queue.")
@click.option("--burst", is_flag=True, help="End when there is nothing left to do.")
@click.option("--reload", is_flag=True, help="Start anew when code changes.")
@click.option("--of", type=int, hidden=True, help="The process that started this one.")
@with_appcontext
def run_worker(workers: int, no_redis: bool, burst: bool, reload: bool, of: int | None) -> None:
    """Run the background tasks: send mail, and whatever else is queued."""
    if reload and not no_redis and _has_no_redis():
        click.echo("No Redis runs and none is installed, so mail is sent without a queue.")
        no_redis = True
    if not no_redis and not queue.is_configured():
        raise click.ClickException(
            "REDIS_URL is empty, so there is no queue to work on. With --no-redis mail is sent."
        )
    if of is not None:
        die_with(of, signal.SIGTERM)
    options = ["--no-redis"] * no_redis + ["--burst"] * burst
    if reload and not burst:
        stop = _StopFlag()

        def start() -> subprocess.Popen[bytes]:
            readiness.wait_for_migrations(stop.is_set, click.echo)
            return _start_child([*options, f"--workers={workers}"])

        keep_running("worker", start, _end, stop.is_set)
    elif workers > 1:
        _run_several(workers, options, burst)
    elif no_redis:
        _work_without_redis(burst)
    else:
        _work(burst)


@click.command("work_horse", hidden=True)
@click.argument("name")
@click.argument("orders", type=int)
@click.argument("replies", type=int)
@click.argument("parent", type=int)
@with_appcontext
def work_horse(name: str, orders: int, replies: int, parent: int) -> None:
    """Run the jobs of a worker, which starts this where it cannot copy itself."""
    _prepare()
    run_job_process(name, orders, replies, parent, mail.close_connection)


def _has_no_redis() -> bool:
    """Return whether no Redis answers and no Redis is installed for `run_redis` to start."""
    config = current_app.config
    with suppress(redis_server.CannotStart):  # run_redis reports an unusable server
        return (
            not redis_server.is_running(
                config["REDIS_URL"], ssl_cert_reqs=config["REDIS_SSL_CERT_REQS"]
            )
            and not redis_server.is_installed()
        )
    return False


def _prepare() -> None:
    """Prepare the process once, so that no job has to."""
    if current_app.config["LOG_LEVEL"] != "DEBUG":
        logging.getLogger("rq.worker").setLevel(logging.WARNING)
    # The work-horse is forked later, and inherits the mappers and templates.
    configure_mappers()
    load_templates()
    mail.keep_connection()


def _notify_systemd() -> None:
    """Tell systemd, if it runs the worker, that it has started (`Type=notify`).

    Later calls do nothing. Redis may be away all the same: the worker waits for it.
    """
    sd_notify("READY=1", logger, unset_environment=True)


def _work(burst: bool) -> None:
    """Run jobs until a signal arrives, and reconnect whenever Redis was away."""
    _prepare()
    command = [sys.executable, sys.argv[0], "work_horse"]
    worker = None
    waiting = False
    with suppress(_Stopped, queue.StopRequested):
        _raise_on_signals()
        _notify_systemd()
        if not burst:
            readiness.wait_for_tables(lambda: False, click.echo)
        while True:
            try:
                _raise_on_signals()
                worker = make_worker(on_idle=mail.close_connection, horse_command=command)
                if waiting:
                    click.echo("Redis is back, the worker goes on.")
                    waiting = False
                else:
                    click.echo(f"The worker waits for tasks in {', '.join(worker.queue_names())}.")
                # RQ handles signals itself: it finishes the current job first.
                worker.work(burst=burst)
                _raise_on_signals()
                if burst or worker.is_stopping:
                    break
                # The worker ended because of a problem, which may still exist.
                time.sleep(WAIT_FOR_REDIS)
            except RedisError as error:
                _raise_on_signals()
                if worker is not None and worker.is_stopping:
                    break  # Only the deregistration failed.
                if not waiting:
                    _say_that_redis_is_away(error)
                waiting = True
                if burst:
                    raise SystemExit(1) from None
                time.sleep(WAIT_FOR_REDIS)
    click.echo("The worker has ended.")


def _say_that_redis_is_away(error: RedisError) -> None:
    address = redis_server.ServerAddress.parse(current_app.config["REDIS_URL"])
    click.echo(f"Redis at {address} does not answer ({error}); the worker waits for it.", err=True)


class _Stopped(BaseException):
    """Raised on Ctrl-C and SIGTERM."""


def _raise_on_signals() -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


class _StopFlag:
    """Remembers Ctrl-C or SIGTERM. The lock of threading.Event is not safe in signal handlers."""

    def __init__(self) -> None:
        self._came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def is_set(self) -> bool:
        return self._came


def _work_without_redis(burst: bool) -> None:
    """Send the mails of the outbox and run the recurring tasks until a signal arrives."""
    _prepare()
    stop = _StopFlag()
    _notify_systemd()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if not burst:
        readiness.wait_for_tables(stop.is_set, click.echo)
    click.echo("The worker sends mail from the database, without a queue.")
    looked_at = datetime.now(UTC)
    while not stop.is_set():
        try:
            with app.app_context():
                if not holding.are_held():
                    looked_at = _sweep_and_run_due(looked_at, stop.is_set)
        except Exception:
            logger.exception("the outbox could not be swept")
        if burst:
            break
        until = time.monotonic() + SWEEP_INTERVAL
        while time.monotonic() < until and not stop.is_set():
            time.sleep(0.1)
    mail.close_connection()
    click.echo("The worker has ended.")


def _sweep_and_run_due(looked_at: datetime, is_stopping: Callable[[], bool]) -> datetime:
    """Send waiting mails, run what was due since `looked_at`, and return the present time."""
    # A lease outlasts this limit, which is that of a job, so no other worker takes the mail.
    with time_limit(leases.TIMEOUT):
        outbox.sweep(include_new=True, is_stopping=is_stopping)
    due, looked_at = queue.due_since(looked_at), datetime.now(UTC)
    others = [one.function for one in queue.sweeps() if one.name != "sweep_outbox"]
    for task in [*others, *due]:
        task()
    return looked_at


def _run_several(count: int, options: list[str], burst: bool) -> None:
    """Keep `count` workers running until a signal arrives or, in a burst, until all have ended."""
    stop = _StopFlag()
    children = [_start_child(options) for _ in range(count)]
    started = [time.monotonic()] * count
    while not stop.is_set():
        ended = [number for number, child in enumerate(children) if child.poll() is not None]
        if burst and len(ended) == count:
            break
        for number in ended:
            if burst or time.monotonic() - started[number] < PAUSE_BETWEEN_STARTS:
                continue
            click.echo(f"A worker has ended ({children[number].returncode}), another starts.")
            children[number] = _start_child(options)
            started[number] = time.monotonic()
        time.sleep(0.1)
    _end(*children)
    if burst and any(child.returncode for child in children):
        raise SystemExit(1)


def _start_child(options: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, sys.argv[0], "run_worker", *options, f"--of={os.getpid()}"]
    return subprocess.Popen(command)  # noqa: S603 - our own command line


def _end(*children: subprocess.Popen[bytes]) -> None:
    """Stop all children within STOP_TIMEOUT. A second signal would make a worker drop its job."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    until = time.monotonic() + STOP_TIMEOUT
    for child in children:
        try:
            child.wait(max(0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@click.command("run_redis")
@with_appcontext
def run_redis() -> None:
    """Run a Redis for development, unless the one that REDIS_URL names runs already."""
    config = current_app.config
    url = config["REDIS_URL"]
    if not url:
        raise click.ClickException("REDIS_URL is empty, so it names no place for a Redis.")
    address = redis_server.ServerAddress.parse(url)
    try:
        if redis_server.is_running(url, ssl_cert_reqs=config["REDIS_SSL_CERT_REQS"]):
            _wait_for_a_signal(f"Using the Redis that runs at {address}.")
            return
        if not redis_server.is_installed():
            # If this command ended, its runner would stop the web process and the worker too.
            _wait_for_a_signal(f"{redis_server.INSTALL_ADVICE} Until then mail goes out without.")
            return
        directory = Path(current_app.instance_path) / "redis"
        log = redis_server.log_file(directory)
        click.echo(f"Starting a Redis at {address}; its log is {log}.")
        redis_server.become(url, directory)
    except redis_server.CannotStart as problem:
        raise click.ClickException(str(problem)) from None


def _wait_for_a_signal(message: str) -> None:
    with suppress(_Stopped):
        _raise_on_signals()
        click.echo(message)
        while True:
            time.sleep(3600)


commands = [run_worker, run_redis, work_horse]
