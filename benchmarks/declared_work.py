"""Import rows into a table of `manage.py new`, then delete some of them, as the worker does.

`python -m benchmarks.declared_work FEATURE LINES ROWS` runs in a copy of the project that has the
feature. It prints the seconds of both, elapsed and of the processor, as JSON.
"""

import csv
import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date

from sqlalchemy import select

from app import create_app
from app.extensions import db
from app.kit import imports, operations
from app.kit.imports.table_models import TableImport
from app.kit.operations import QueueAway
from app.kit.operations.table_models import TableOperation
from app.kit.operations.tables import TableKind
from app.models import User
from benchmarks.seeding import ADMINISTRATOR, fill

PEOPLE = 1_000  # who own the rows
HEADER = ("Name", "Owner", "Status", "Budget", "Hours", "Due on", "Notes")
STATUSES = ("draft", "active", "done")


def import_lines(endpoint: str, by: User, lines: int) -> None:
    """Import a file of new rows, from the check to the end."""
    kind = imports.kind_of(TableImport(endpoint=endpoint))
    row = imports.upload(kind, _file(lines), name="rows.csv", by=by)
    imports.choose(
        row, mapping=row.mapping, has_header=True, mode=row.mode, update_existing=True, by=by
    )
    imports.work(TableImport, row.id)
    db.session.refresh(row)
    imports.run(row, check=row.checks, keep_good=False, by=by)
    imports.work(TableImport, row.id)
    db.session.refresh(row)
    if row.counts.get("created") != lines:
        raise RuntimeError(f"of {lines} lines {row.counts} were imported: {row.failure}")


def delete_rows(endpoint: str, by: User, rows: int) -> None:
    """Delete the first rows in bulk, from the preview to the end."""
    kind = operations.kind_of(TableOperation(endpoint=endpoint))
    assert isinstance(kind, TableKind)
    identity = kind.table.identity
    ids = db.session.scalars(select(identity).order_by(identity).limit(rows)).all()
    operation = kind.preview("delete", by=by, ids=ids)
    # There is no queue here, so the work starts directly.
    with suppress(QueueAway):
        operations.confirm(operation, by=by)
    operations.run(TableOperation, operation.id)
    db.session.refresh(operation)
    if operation.done != rows:
        raise RuntimeError(f"{operation.done} of {rows} rows were deleted: {operation.left_out}")


def _file(lines: int) -> io.BytesIO:
    owners = db.session.scalars(select(User.email).order_by(User.id).limit(PEOPLE)).all()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number in range(lines):
        owner, status = owners[number % len(owners)], STATUSES[number % len(STATUSES)]
        due_on = date(2026, 1 + number % 12, 1 + number % 28)
        figures = (f"{number}.50", number % 500, due_on)
        writer.writerow([f"Project {number}", owner, status, *figures, f"Notes on {number}"])
    return io.BytesIO(text.getvalue().encode())


def _seconds(work: Callable[[], None]) -> tuple[float, float]:
    elapsed, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - elapsed, time.process_time() - processor


def main(feature: str, lines: str, rows: str) -> None:
    """Fill the database of DATABASE_URL, and print the seconds by what was done."""
    logging.disable(logging.WARNING)
    app = create_app("production", {"SQLALCHEMY_DATABASE_URI": os.environ["DATABASE_URL"]})
    endpoint = f"admin.{feature}"
    with app.app_context():
        fill(min(PEOPLE, int(lines)), password=os.environ["ADMIN_PASSWORD"])
        by = User.by_email(ADMINISTRATOR)
        found = {
            f"import of {int(lines):,} lines": _seconds(
                lambda: import_lines(endpoint, by, int(lines))
            ),
            f"deletion of {int(rows):,} rows": _seconds(
                lambda: delete_rows(endpoint, by, int(rows))
            ),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
