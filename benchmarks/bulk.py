"""Measure an import of many users and the suspension of all users who match a filter.

Both run in this process as in the worker, in a database that already has many users.
"""

import csv
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Thread

from flask import Flask
from sqlalchemy import ColumnElement, select

from app.extensions import db
from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.features.bulk.tables import read_users
from app.features.imports import PEOPLE
from app.features.imports.models import ImportMode, PeopleImport
from app.kit import imports
from app.kit.database import reading_only
from app.kit.operations import QueueAway
from app.kit.tables.asked import Asked
from app.models import Role, User
from benchmarks.memory import growth
from benchmarks.results import Result
from benchmarks.seeding import ADMINISTRATOR
from benchmarks.stand import Stand

IMPORT_BAR, SUSPENSION_BAR = 60.0, 20.0  # seconds
GLANCE = 0.2  # seconds between two reads of the progress


def importing(stand: Stand) -> Iterator[Result]:
    """Import a file of new users without invitations, from the check to the end."""
    lines = stand.sizes.many_people
    for engine in stand.engines():
        app = stand.app(stand.database(lines, engine).url)
        with app.app_context():
            by = User.by_email(ADMINISTRATOR)
            row = imports.upload(PEOPLE, _file(lines, engine), name="people.csv", by=by)

            work = partial(_check_and_run, row, by)
            measured = _measure(app, work, PeopleImport.position, PeopleImport.id == row.id)
            if row.counts.get("created") != lines:
                raise RuntimeError(f"of {lines} people {row.counts} were imported: {row.failure}")
            yield _result(f"{engine}, import of {lines:,} people", measured, IMPORT_BAR)
            db.session.remove()
            db.engine.dispose()


def _check_and_run(row: PeopleImport, by: User) -> None:
    imports.choose(
        row,
        mapping=row.mapping,
        has_header=True,
        mode=ImportMode.CREATE,
        update_existing=False,
        role_id=row.role_id,
        by=by,
    )
    imports.work(PeopleImport, row.id)
    db.session.refresh(row)
    imports.run(row, check=row.checks, keep_good=False, by=by)
    imports.work(PeopleImport, row.id)
    db.session.refresh(row)


def suspending(stand: Stand) -> Iterator[Result]:
    """Suspend all users of a role, then reactivate them with a notification by mail."""
    people = stand.sizes.many_people
    for engine in stand.engines():
        app = stand.app(stand.database(people, engine).url)
        with app.app_context():
            by = User.by_email(ADMINISTRATOR)
            asked = read_users({"role": str(Role.get_default().id)})
            for action, tell, title, bar in (
                ("suspend", False, "suspension", SUSPENSION_BAR),
                ("reactivate", True, "reactivation, told by mail,", None),
            ):
                work = partial(_do_to_all, action, by, asked, tell, people)
                measured = _measure(app, work, BulkOperation.done, BulkOperation.action == action)
                yield _result(f"{engine}, {title} of {people:,} people", measured, bar)
            db.session.remove()
            db.engine.dispose()


def _do_to_all(action: str, by: User, asked: Asked, tell: bool, people: int) -> None:
    operation = bulk.preview(action, by=by, asked=asked)
    # There is no queue here, so the work starts directly.
    with suppress(QueueAway):
        bulk.confirm(operation, by=by, tell=tell)
    bulk.run(operation.id)
    db.session.refresh(operation)
    if operation.done < people:
        raise RuntimeError(f"{action}: {operation.done} of {people}: {operation.left_out}")


def _measure(
    app: Flask,
    work: Callable[[], None],
    progress: ColumnElement[int],
    condition: ColumnElement[bool],
) -> tuple[float, float | None, int]:
    """Return the seconds, the additional megabytes, and the number of progress values seen."""
    with growth(os.getpid()) as memory, _watching(app, progress, condition) as seen:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    return seconds, None if memory.most is None else memory.most / 1e6, len(seen)


@contextmanager
def _watching(
    app: Flask, progress: ColumnElement[int], condition: ColumnElement[bool]
) -> Iterator[set[int]]:
    """Read the progress of the work regularly, as a page does."""
    seen: set[int] = set()
    is_over = Event()

    def look() -> None:
        reading_only.set(True)  # otherwise this reader and the writers would wait for each other
        with app.app_context():
            while not is_over.wait(GLANCE):
                with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as reader:
                    seen.update(reader.scalars(select(progress).where(condition)))

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()


def _result(subject: str, measured: tuple[float, float | None, int], bar: float | None) -> Result:
    seconds, megabytes, points = measured
    memory = "" if megabytes is None else f", {megabytes:.0f} MB more"
    measure = f"{seconds:.1f} s{memory}, progress seen at {points} points"
    if bar is None:
        return Result(subject, measure)
    return Result(subject, measure, "", f"≤ {bar:g} s", seconds <= bar)


def _file(lines: int, engine: str) -> io.BytesIO:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Email", "First name", "Last name"])
    for number in range(lines):
        writer.writerow([f"{engine}.{number}@import.example.com", "Mary", f"Jackson {number}"])
    return io.BytesIO(text.getvalue().encode())
