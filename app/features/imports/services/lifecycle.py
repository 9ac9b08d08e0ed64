"""The actions of a user on an import, from the check to its deletion. Each is one commit."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from flask import current_app
from sqlalchemy import func, select

from app.extensions import db
from app.features.imports.models import ImportMode, ImportState, PeopleImport
from app.features.imports.services import storage, trail, uploads
from app.features.imports.services.files import name_columns
from app.features.imports.services.unreadable import Unreadable
from app.features.imports.services.uploads import FileGone
from app.features.imports.services.working import work
from app.kit import audit
from app.kit.database import now
from app.kit.operations import NotOpen, QueueAway, lifecycle
from app.models import User

JOB_TIMEOUT = 60 * 60  # seconds


class NoEmailColumn(Exception):
    """No column is mapped to the email, or two fields are mapped to the same column."""


def choose(
    row: PeopleImport,
    *,
    mapping: dict[str, int],
    has_header: bool,
    mode: str,
    update_existing: bool,
    role_id: int | None,
    by: User,
) -> None:
    """Save the options and check the file again, at once if it is short, otherwise in a job.

    Raises NotYours, NotOpen if the import runs or has run, FileGone, NoEmailColumn, and Unreadable
    if the first line is not a valid header.
    """
    used = list(mapping.values())
    if "email" not in mapping or len(used) != len(set(used)):
        raise NoEmailColumn
    _lock_new(row, by)
    if not storage.is_kept(row.id):
        db.session.rollback()
        raise FileGone
    if has_header != row.has_header:
        _take_header(row, has_header=has_header)
    row.mapping, row.mode, row.role_id = mapping, ImportMode(mode), role_id
    row.update_existing = update_existing or mode == ImportMode.UPDATE
    row.provenance = audit.provenance(by)
    row.state, row.failure, row.finished_at = ImportState.CHECKING, "", None
    row.position, row.counts, row.checks = 0, {}, row.checks + 1
    db.session.commit()
    _set_to_work(row)


def read_as(row: PeopleImport, encoding: str, *, by: User) -> None:
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


def _take_header(row: PeopleImport, *, has_header: bool) -> None:
    first = next(storage.stored_records(row.id, row.encoding, row.delimiter, has_header=False))
    row.columns = name_columns(first.cells, has_header=has_header)
    row.has_header = has_header
    row.lines += -1 if has_header else 1


def run(row: PeopleImport, *, check: int, keep_good: bool, by: User) -> None:
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
    row.provenance = audit.provenance(by)
    row.state, row.failure = ImportState.RUNNING, ""
    row.started_at = now()
    trail.note("import.started", row.id, row.provenance, lines=row.lines, mode=row.mode)
    db.session.commit()
    _set_to_work(row)


def go_on(row: PeopleImport, *, by: User) -> None:
    """Resume an import that stopped or still waits for a worker.

    Raises NotYours, NotOpen and FileGone.
    """
    lifecycle.lock(row, by=by)
    is_held = row.has_begun and row.state in {ImportState.CANCELLED, ImportState.FAILED}
    _require(row.is_open or is_held)
    if not storage.is_kept(row.id):
        db.session.rollback()
        raise FileGone
    if not row.is_open:
        row.state, row.failure, row.finished_at = ImportState.RUNNING, "", None
        row.provenance = audit.provenance(by)
        trail.note("import.started", row.id, row.provenance, from_line=row.position, mode=row.mode)
    db.session.commit()
    _set_to_work(row)


def cancel(row: PeopleImport, *, by: User) -> None:
    """Cancel an import after the current batch. Imported lines stay. Raises NotOpen."""
    lifecycle.cancel(row)
    if row.has_begun:
        audit.record(
            "import.cancelled", by=by, kind="import", label=row.file_name, lines=row.position
        )
    db.session.commit()


def delete(row: PeopleImport, *, by: User) -> None:
    """Delete an import with its file and its results. The imported users stay.

    Raises NotYours and NotOpen.
    """
    lifecycle.lock(row, by=by)
    _require(not row.is_open)
    audit.record("import.deleted", by=by, kind="import", label=row.file_name)
    db.session.delete(row)
    db.session.commit()


def purge() -> int:
    """Delete imports that were not used for KEEP_IMPORTS days, and return their number.

    Imports of purged users are deleted as well.
    """
    before = now() - timedelta(days=current_app.config["KEEP_IMPORTS"])
    touched = func.coalesce(
        PeopleImport.finished_at, PeopleImport.moved_at, PeopleImport.created_at
    )
    is_of_nobody = PeopleImport.actor_id.not_in(select(User.id))
    return lifecycle.purge(PeopleImport, (touched < before) | is_of_nobody)


def _set_to_work(row: PeopleImport) -> None:
    if lifecycle.is_short(row):
        work(row.id)
        db.session.refresh(row)
        return
    with suppress(QueueAway):  # The page of the import says so while it lasts.
        lifecycle.offer(row)


def _lock_new(row: PeopleImport, by: User) -> None:
    """Lock an import of `by` that neither runs nor has run. Raises NotOpen and NotYours."""
    lifecycle.lock(row, by=by)
    _require(not row.is_open and not row.has_begun)


def _require(holds: bool) -> None:
    """Raise NotOpen, and release the lock, unless the condition holds."""
    if not holds:
        db.session.rollback()
        raise NotOpen
