"""The commands that run beside the web process: the worker, and in development its Redis."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from redis.exceptions import RedisError
from sqlalchemy.orm import configure_mappers

from app import emails, queue, redis_server

WAIT_FOR_REDIS = 1  # seconds between looking whether it is back
STOP_TIMEOUT = 25  # seconds; Heroku kills what has not ended after 30
WATCHED = {".py", ".txt", ".html"}


@click.command("run_worker")
@click.option("--burst", is_flag=True, help="End when there is nothing left to do.")
@click.option("--reload", is_flag=True, help="Start anew when code changes.")
@with_appcontext
def run_worker(burst: bool, reload: bool) -> None:
    """Run the background tasks: send mail, and whatever else is queued."""
    if not queue.is_configured():
        raise click.ClickException("REDIS_URL is empty, so there is no queue to work on.")
    if reload and not burst:
        _run_reloading()
    else:
        _work(burst)


def _work(burst: bool) -> None:
    """Work until a signal comes, whatever becomes of Redis in between."""
    if current_app.config["LOG_LEVEL"] != "DEBUG":
        logging.getLogger("rq.worker").setLevel(logging.WARNING)
    # What the parent has done, each job's process finds done.
    configure_mappers()
    emails.load_templates()
    waiting = False
    with suppress(_Stopped, queue.StopRequested):
        while True:
            try:
                _raise_on_signals()
                worker = queue.make_worker()
                if waiting:
                    click.echo("Redis is back, the worker goes on.")
                    waiting = False
                else:
                    click.echo(f"The worker waits for tasks in {', '.join(worker.queue_names())}.")
                # RQ has its own way with signals: the job at hand is finished first.
                worker.work(burst=burst)
                if burst or worker.is_stopping:
                    break
            except RedisError as error:
                if not waiting:
                    _say_that_redis_is_away(error)
                waiting = True
                if burst:
                    raise SystemExit(1) from None
                _raise_on_signals()
                time.sleep(WAIT_FOR_REDIS)
    click.echo("The worker has ended.")


def _say_that_redis_is_away(error: RedisError) -> None:
    address = redis_server.Address.parse(current_app.config["REDIS_URL"])
    click.echo(f"Redis at {address} does not answer ({error}); the worker waits for it.", err=True)


class _Stopped(BaseException):
    """Ctrl-C or SIGTERM came."""


def _raise_on_signals() -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


class _StopFlag:
    """Remembers that Ctrl-C or SIGTERM came. No threading.Event: its lock is not for handlers."""

    def __init__(self) -> None:
        self._came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def is_set(self) -> bool:
        return self._came


def _run_reloading() -> None:
    """Keep a worker process running and replace it when a file of the code changes."""
    try:
        from watchfiles import watch  # It is installed for development only.
    except ImportError:
        click.echo("Install watchfiles to have the worker restart when code changes.", err=True)
        _work(burst=False)
        return
    stop = _StopFlag()
    root = Path(current_app.root_path)
    paths = [root, *root.parent.glob("*.py"), *root.parent.glob(".env")]
    child = _start_child()
    for changed in watch(
        *paths,
        watch_filter=_is_code,
        stop_event=stop,
        raise_interrupt=False,
        yield_on_timeout=True,
        rust_timeout=1000,
    ):
        if changed and not stop.is_set():
            names = sorted({Path(path).name for _, path in changed})
            click.echo(f"{', '.join(names[:3])} changed, the worker starts anew.")
            _end_child(child)
            child = _start_child()
    _end_child(child)


def _is_code(_change: Any, path: str) -> bool:
    return Path(path).suffix in WATCHED or Path(path).name == ".env"


def _start_child() -> subprocess.Popen[bytes]:
    without_reload = [argument for argument in sys.argv if argument != "--reload"]
    return subprocess.Popen([sys.executable, *without_reload])  # noqa: S603 - our own command line


def _end_child(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT)
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
    address = redis_server.Address.parse(url)
    try:
        if redis_server.is_running(url, ssl_cert_reqs=config["REDIS_SSL_CERT_REQS"]):
            click.echo(f"Using the Redis that runs at {address}.")
            with suppress(_Stopped):
                _raise_on_signals()
                while True:
                    time.sleep(3600)
            return
        click.echo(f"Starting a Redis at {address}.")
        redis_server.become(url, Path(current_app.instance_path) / "redis")
    except redis_server.CannotStart as problem:
        raise click.ClickException(str(problem)) from None


commands = [run_worker, run_redis]
