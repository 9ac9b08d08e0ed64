"""The commands that run beside the web process: the worker, and in development its Redis."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from redis.exceptions import RedisError
from rq.exceptions import StopRequested

from app import queue, redis_server

WAIT_FOR_REDIS = 2  # seconds between looking whether it is back
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
    if current_app.config.get("LOG_LEVEL") != "DEBUG":
        logging.getLogger("rq.worker").setLevel(logging.WARNING)
    stop = _StopSignal()
    waiting = False
    while not stop.came:
        stop.listen()
        try:
            worker = queue.make_worker()
            click.echo(
                "Redis is back, the worker goes on."
                if waiting
                else f"The worker waits for tasks in {', '.join(worker.queue_names())}."
            )
            waiting = False
            worker.work(burst=burst)
            if burst or worker.is_stopping:
                break
        except StopRequested:
            break
        except RedisError as error:
            if not waiting:
                address = redis_server.Address.parse(current_app.config["REDIS_URL"])
                click.echo(
                    f"Redis at {address} does not answer ({error}); the worker waits for it.",
                    err=True,
                )
            waiting = True
            if burst:
                raise SystemExit(1) from None
        stop.listen()
        stop.wait(WAIT_FOR_REDIS if waiting else 0)
    click.echo("The worker has ended.")


class _StopSignal:
    """Turns Ctrl-C and SIGTERM into a flag while RQ's worker, which has its own way, is not on."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    @property
    def came(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        self._event.wait(seconds)


def _run_reloading() -> None:
    """Keep a worker process running and replace it when a file of the code changes."""
    try:
        from watchfiles import watch
    except ImportError:
        click.echo("Install watchfiles to have the worker restart when code changes.", err=True)
        _work(burst=False)
        return
    stop = _StopSignal()
    stop.listen()
    root = Path(current_app.root_path)
    paths = [root, *root.parent.glob("*.py"), *root.parent.glob(".env")]
    child = _start_child()
    changes = watch(
        *paths,
        watch_filter=_is_code,
        stop_event=stop._event,
        raise_interrupt=False,
        yield_on_timeout=True,
        rust_timeout=1000,
    )
    for changed in changes:
        if changed and not stop.came:
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
    stop = _StopSignal()
    try:
        if redis_server.is_running(url, ssl_cert_reqs=config["REDIS_SSL_CERT_REQS"]):
            click.echo(f"Using the Redis that runs at {address}.")
            stop.listen()
            while not stop.came:
                stop.wait(3600)
            return
        click.echo(f"Starting a Redis at {address}.")
        redis_server.become(url, Path(current_app.instance_path) / "redis")
    except redis_server.CannotStart as problem:
        raise click.ClickException(str(problem)) from None


commands = [run_worker, run_redis]
