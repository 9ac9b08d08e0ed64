"""The actions of a user on an import, from the check to its deletion. Each is one commit."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, func

from app.extensions import db
from app.kit import audit
from app.kit.audit.event import Actor
from app.kit.database import now
from app.kit.imports import storage, trail, uploads
from app.kit.imports.encodings import Unreadable
from app.kit.imports.files import name_columns
from app.kit.imports.kinds import kind_of
from app.kit.imports.models import ImportColumns, ImportState
from app.kit.imports.uploads import FileGone
from app.kit.imports.working import work
from app.kit.operations import NotOpen, QueueAway, lifecycle

JOB_TIMEOUT = 60 * 60  # seconds


class NoKeyColumn(Exception):
    """No column is mapped to the key, or two fields are mapped to the same column."""


def choose(
    row: ImportColumns,
    *,
    mapping: dict[str, int],
    has_header: bool,
    mode: str,
    update_existing: bool,
    by: Actor,
    **options: Any,
) -> None:
    """Save the options and check the file again, at once if it is short, otherwise in a job.

    `options` are those of the kind. Raises NotYours, NotOpen if the import runs or has run,
    FileGone, NoKeyColumn, and Unreadable if the first line is not a valid header.
    """
    kind, used = kind_of(row), list(mapping.values())
    if kind.key not in mapping or len(used) != len(set(used)):
        raise NoKeyColumn
    _lock_new(row, by)
    if not storage.is_kept(row):
        db.session.rollback()
        raise FileGone
    if has_header != row.has_header:
        _take_header(row, has_header=has_header)
    row.mapping, row.mode = mapping, mode
    row.update_existing = update_existing or kind.updates(mode)
    for name in kind.options:
        setattr(row, name, options[name])
    row.provenance = trail.started_by(by)
    row.state, row.failure, row.finished_at = ImportState.CHECKING, "", None
    row.position, row.counts, row.checks = 0, {}, row.checks + 1
    db.session.commit()
    _set_to_work(row)


def read_as(row: ImportColumns, encoding: str, *, by: Actor) -> None:
    """Read the file in another encoding. Earlier checks can no longer be confirmed.

    Raises NotYours, NotOpen if the import runs or has run, FileGone, and Unreadable.
    """
    _lock_new(row, by)
    try:
        uploads.read_as(row, encoding)
    except (FileGone, Unreadable):
        db.session.rollback()
        raise
    row.state, row.checks = ImportState.UPLOADED, row.checks + 1
    db.session.commit()


def _take_header(row: ImportColumns, *, has_header: bool) -> None:
    first = next(storage.records_of(row))
    row.columns = name_columns(first.cells, has_header=has_header)
    row.has_header = has_header
    row.lines += -1 if has_header else 1


def run(row: ImportColumns, *, check: int, keep_good: bool, by: Actor) -> None:
    """Import the checked file, at once if it is short, otherwise in a job.

    `check` is the number of the check that the user saw. Raises NotOpen if it is not the latest
    check, or if the import already runs: repeated POSTs start one run. Raises NotYours for
    another user, because only the user who checked the file saw the lines that are left out.
    """
    lifecycle.lock(row, {ImportState.CHECKED}, by=by)
    # Checks of earlier releases did not save the lines with problems, so check the file again.
    is_unseen = row.checks != check or (row.problems and not (keep_good and row.left_out))
    _require(not is_unseen)
    row.keep_good = keep_good
    row.provenance = trail.started_by(by)
    row.state, row.failure = ImportState.RUNNING, ""
    row.started_at = now()
    _note_start(row, lines=row.lines)
    db.session.commit()
    _set_to_work(row)


def go_on(row: ImportColumns, *, by: Actor) -> None:
    """Resume an import that stopped or still waits for a worker.

    Raises NotYours, NotOpen and FileGone.
    """
    lifecycle.lock(row, by=by)
    is_held = row.has_begun and row.state in {ImportState.CANCELLED, ImportState.FAILED}
    _require(row.is_open or is_held)
    if not storage.is_kept(row):
        db.session.rollback()
        raise FileGone
    if not row.is_open:
        row.state, row.failure, row.finished_at = ImportState.RUNNING, "", None
        row.provenance = trail.started_by(by)
        _note_start(row, from_line=row.position)
    db.session.commit()
    _set_to_work(row)


def cancel(row: ImportColumns, *, by: Actor) -> None:
    """Cancel an import after the current batch. Imported lines stay. Raises NotOpen."""
    lifecycle.cancel(row)
    if row.has_begun:
        _record(row, "cancelled", by, lines=row.position)
    db.session.commit()


def delete(row: ImportColumns, *, by: Actor) -> None:
    """Delete an import with its file and its results. The imported rows stay.

    Raises NotYours and NotOpen.
    """
    lifecycle.lock(row, by=by)
    _require(not row.is_open)
    _record(row, "deleted", by)
    db.session.delete(row)
    db.session.commit()


def purge(model: type[ImportColumns], is_of_nobody: ColumnElement[bool]) -> int:
    """Delete imports that were not used for KEEP_IMPORTS days, and return their number.

    Imports of purged users are deleted as well.
    """
    before = now() - timedelta(days=current_app.config["KEEP_IMPORTS"])
    touched = func.coalesce(model.finished_at, model.moved_at, model.created_at)
    return lifecycle.purge(model, (touched < before) | is_of_nobody)


def _record(row: ImportColumns, verb: str, by: Actor, **details: Any) -> None:
    name = kind_of(row).events[verb]
    audit.record(name, by=by, kind=name.split(".")[0], label=row.file_name, **details)


def _note_start(row: ImportColumns, **details: int) -> None:
    trail.note(row, "started", mode=row.mode, **details)


def _set_to_work(row: ImportColumns) -> None:
    if lifecycle.is_short(row):
        work(type(row), row.id)
        db.session.refresh(row)
        return
    with suppress(QueueAway):  # The page of the import says so while it lasts.
        lifecycle.enqueue(row)


def _lock_new(row: ImportColumns, by: Actor) -> None:
    """Lock an import of `by` that neither runs nor has run. Raises NotOpen and NotYours."""
    lifecycle.lock(row, by=by)
    _require(not row.is_open and not row.has_begun)


def _require(holds: bool) -> None:
    """Raise NotOpen, and release the lock, unless the condition holds."""
    if not holds:
        db.session.rollback()
        raise NotOpen
