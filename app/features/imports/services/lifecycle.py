"""The actions of a user on an import, from the check to its deletion. Each is one commit."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy import func, select, update
from sqlalchemy.exc import InvalidRequestError

from app.extensions import db
from app.features.imports.models import ImportMode, ImportState, PeopleImport
from app.features.imports.services import storage, trail, uploads
from app.features.imports.services.files import name_columns
from app.features.imports.services.unreadable import Unreadable
from app.features.imports.services.uploads import FileGone
from app.features.imports.services.working import work
from app.kit import audit, queue
from app.kit.database import now
from app.models import User

JOB_TIMEOUT = 60 * 60  # seconds
AT_ONCE = 1000  # lines to process within a request
# After this time without a batch, an import counts as stalled.
STALLED_AFTER = timedelta(seconds=30)


class ImportNotOpen(Exception):
    """The state of the import does not allow the action, often because another request won."""


class NotYourImport(Exception):
    """Only the user who checked the import may confirm, resume or delete it."""


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
    _lock_own(row, by)
    if row.is_working or row.has_begun:
        db.session.rollback()
        raise ImportNotOpen
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
    row.moved_at = now()
    db.session.commit()
    _set_to_work(row)


def read_as(row: PeopleImport, encoding: str, *, by: User) -> None:
    """Read the file in another encoding. Earlier checks can no longer be confirmed.

    Raises NotYours, NotOpen if the import runs or has run, FileGone, and Unreadable.
    """
    _lock_own(row, by)
    if row.is_working or row.has_begun:
        db.session.rollback()
        raise ImportNotOpen
    try:
        uploads.read_as(row, encoding)
    except (FileGone, Unreadable):
        db.session.rollback()
        raise
    row.state, row.checks = ImportState.UPLOADED, row.checks + 1
    row.moved_at = now()
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
    _lock_own(row, by)
    if row.state != ImportState.CHECKED or row.checks != check:
        db.session.rollback()
        raise ImportNotOpen
    # Checks of earlier releases did not save the lines with problems, so check the file again.
    if row.problems and not (keep_good and row.left_out):
        db.session.rollback()
        raise ImportNotOpen
    row.keep_good = keep_good
    row.provenance = audit.provenance(by)
    row.state, row.failure = ImportState.RUNNING, ""
    row.started_at = row.moved_at = now()
    trail.note("import.started", row.id, row.provenance, lines=row.lines, mode=row.mode)
    db.session.commit()
    _set_to_work(row)


def go_on(row: PeopleImport, *, by: User) -> None:
    """Resume an import that stopped or still waits for a worker.

    Raises NotYours, NotOpen and FileGone.
    """
    _lock_own(row, by)
    may_go_on = row.is_working or (
        row.has_begun and row.state in {ImportState.CANCELLED, ImportState.FAILED}
    )
    if not may_go_on or not storage.is_kept(row.id):
        db.session.rollback()
        raise ImportNotOpen if not may_go_on else FileGone
    if not row.is_working:
        row.state, row.failure, row.finished_at = ImportState.RUNNING, "", None
        row.provenance = audit.provenance(by)
        trail.note("import.started", row.id, row.provenance, from_line=row.position, mode=row.mode)
    row.moved_at = now()
    db.session.commit()
    _set_to_work(row)


def cancel(row: PeopleImport, *, by: User) -> None:
    """Cancel an import after the current batch. Imported lines stay. Raises NotOpen."""
    _lock(row)
    if not row.is_working:
        db.session.rollback()
        raise ImportNotOpen
    row.state, row.finished_at = ImportState.CANCELLED, now()
    if row.has_begun:
        audit.record(
            "import.cancelled", by=by, kind="import", label=row.file_name, lines=row.position
        )
    job_id = row.job_id
    db.session.commit()
    if job_id and queue.is_configured():
        try:
            queue.request_cancel(job_id)
        except RedisError:
            return  # The job also reads the state of the row.


def delete(row: PeopleImport, *, by: User) -> None:
    """Delete an import with its file and its results. The imported users stay.

    Raises NotYours and NotOpen.
    """
    _lock_own(row, by)
    if row.is_working:
        db.session.rollback()
        raise ImportNotOpen
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
    old = select(PeopleImport).where((touched < before) | is_of_nobody).limit(1)
    count = 0
    while row := db.session.scalar(old):
        db.session.delete(row)
        db.session.commit()
        count += 1
    return count


def is_short(row: PeopleImport) -> bool:
    return row.lines <= AT_ONCE


def is_stalled(row: PeopleImport) -> bool:
    """Tell whether an import should be running, but has had no batch for STALLED_AFTER."""
    return row.is_working and (row.moved_at is None or row.moved_at < now() - STALLED_AFTER)


def _set_to_work(row: PeopleImport) -> None:
    if is_short(row):
        work(row.id)
        db.session.refresh(row)
        return
    job_id = queue.enqueue("import_people", unique_key=f"import-{row.id}", import_id=row.id)
    statement = update(PeopleImport).where(PeopleImport.id == row.id).values(job_id=job_id or "")
    db.session.execute(statement, execution_options={"synchronize_session": False})
    db.session.commit()


def _lock_own(row: PeopleImport, by: User) -> None:
    """Lock an import of `by`. Raises NotOpen, and NotYours for another user's import."""
    _lock(row)
    if row.actor_id != by.id:
        db.session.rollback()
        raise NotYourImport


def _lock(row: PeopleImport) -> None:
    """Reload and lock an import. Raises NotOpen if it was deleted."""
    try:
        db.session.refresh(row, with_for_update=True)
    except InvalidRequestError:
        db.session.rollback()
        raise ImportNotOpen from None
