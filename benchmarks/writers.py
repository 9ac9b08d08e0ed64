"""Measure several processes that write to one SQLite database at the same time."""

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from flask_migrate import upgrade
from sqlalchemy.exc import OperationalError

from app import create_app
from app.extensions import db
from app.features.content.models import EditableHTML
from app.kit.database import reading_only
from benchmarks.results import Result
from benchmarks.stand import WAIT, Stand

COUNTER = "benchmark"


def at_once(stand: Stand) -> Iterator[Result]:
    """Count the writes that SQLite refuses, with and without BEGIN IMMEDIATE."""
    writers, transactions = stand.sizes.writers, stand.sizes.transactions
    total = writers * transactions
    refused, counted, seconds = _run(stand, immediate=True)
    yield Result(
        f"{writers} writers on SQLite",
        f"{refused} of {total:,} refused, {total - refused - counted} lost, "
        f"{total / seconds:,.0f} transactions/s",
        bar="0 refused",
        met=refused == 0 and counted == total,
    )
    refused, _, _ = _run(stand, immediate=False)
    yield Result("… without BEGIN IMMEDIATE", f"{refused:,} of {total:,} refused")


def _run(stand: Stand, *, immediate: bool) -> tuple[int, int, float]:
    """Return the numbers of refused and of counted transactions, and the seconds."""
    url = f"sqlite:///{stand.folder}/writers-{immediate}.sqlite"
    app = stand.app(url)
    with app.app_context():
        upgrade(revision="heads")
        db.session.add(EditableHTML(editor_name=COUNTER, value="0"))
        db.session.commit()
    writers, transactions = stand.sizes.writers, stand.sizes.transactions
    # Spawned processes are like those of gunicorn. Forked processes would share connections.
    context = multiprocessing.get_context("spawn")
    ready: Barrier = context.Barrier(writers + 1)
    refusals: Queue[int] = context.Queue()
    arguments = (url, transactions, immediate, ready, refusals)
    processes = [context.Process(target=write, args=arguments) for _ in range(writers)]
    for process in processes:
        process.start()
    ready.wait(WAIT)
    started = time.monotonic()
    refused = sum(refusals.get(timeout=60) for _ in processes)
    seconds = time.monotonic() - started
    for process in processes:
        process.join()
    with app.app_context():
        counted = int(EditableHTML.get_editable_html(COUNTER).value)
    return refused, counted, seconds


def write(
    url: str, transactions: int, immediate: bool, ready: Barrier, refusals: "Queue[int]"
) -> None:
    """Increment a number repeatedly, and put the number of refusals into `refusals`."""
    refused = 0
    with create_app("production", {"SQLALCHEMY_DATABASE_URI": url}).app_context():
        # Read-only transactions use a plain BEGIN, as the driver does for all transactions.
        reading_only.set(not immediate)
        ready.wait(WAIT)
        for _ in range(transactions):
            try:
                row = EditableHTML.get_editable_html(COUNTER)
                row.value = str(int(row.value) + 1)
                db.session.commit()
            except OperationalError:
                db.session.rollback()
                refused += 1
    refusals.put(refused)
