"""Lists and downloads of imports, their problems and their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import func, select

from app.extensions import db
from app.features.imports.models import ImportProblem, ImportResult, PeopleImport
from app.features.imports.services.columns import FIELDS
from app.kit import audit
from app.kit.tables.csv_cells import escape_formula, written
from app.kit.tables.listings import Listing
from app.models import User

PER_PAGE = 50
RECENT = 10
AT_ONCE = 1000  # rows that a download reads at once

ENDS = {
    "created": "Account created",
    "invited": "Invited",
    "updated": "Updated",
    "unchanged": "Left as they are",
    "problem": "Not imported",
}


def recent(*, by: User) -> list[PeopleImport]:
    """Return the newest imports that `by` may see."""
    is_shown = PeopleImport.started_at.is_not(None) | (PeopleImport.actor_id == by.id)
    query = select(PeopleImport).where(is_shown).order_by(PeopleImport.id.desc())
    return list(db.session.scalars(query.limit(RECENT)))


def problems(row: PeopleImport, page: int = 1) -> Listing[ImportProblem]:
    """Return a page of the problems of an import, sorted by line."""
    of_it = ImportProblem.import_id == row.id
    query = select(ImportProblem).where(of_it).order_by(ImportProblem.line, ImportProblem.id)
    rows = list(db.session.scalars(query.limit(PER_PAGE + 1).offset((page - 1) * PER_PAGE)))
    total = db.session.scalar(select(func.count()).select_from(ImportProblem).where(of_it)) or 0
    return Listing(rows[:PER_PAGE], total, False, page, PER_PAGE, len(rows) > PER_PAGE)


def problems_file(row: PeopleImport, *, by: User) -> Iterator[str]:
    """Record the download, and return the problems of an import as CSV."""
    _note(row, "problems", by)
    return _problems(row.id)


def _problems(import_id: int) -> Iterator[str]:
    yield _line(["Line", "Column", "Cell", "Problem"])
    after = (0, 0)
    columns = (ImportProblem.line, ImportProblem.id)
    while True:
        query = (
            select(*columns, ImportProblem.field, ImportProblem.value, ImportProblem.message)
            .where(ImportProblem.import_id == import_id)
            .where(
                (ImportProblem.line > after[0])
                | ((ImportProblem.line == after[0]) & (ImportProblem.id > after[1]))
            )
            .order_by(*columns)
            .limit(AT_ONCE)
        )
        found = db.session.execute(query).all()
        db.session.commit()  # A slow client holds no transaction open.
        if not found:
            return
        after = (found[-1][0], found[-1][1])
        yield "".join(
            _line([str(line), FIELDS.get(field, ""), value, message])
            for line, _id, field, value, message in found
        )


def results_file(row: PeopleImport, *, by: User) -> Iterator[str]:
    """Record the download, and return the outcome of each line of an import as CSV."""
    _note(row, "results", by)
    return _results(row.id)


def _note(row: PeopleImport, file: str, by: User) -> None:
    audit.record_download("import.downloaded", by=by, subject=row, label=row.file_name, file=file)


def _results(import_id: int) -> Iterator[str]:
    yield _line(["Line", "Email", "Result", "Problem"])
    after = -1
    while True:
        query = (
            select(ImportResult.position, ImportResult.lines)
            .where(ImportResult.import_id == import_id, ImportResult.position > after)
            .order_by(ImportResult.position)
            .limit(1)
        )
        found = db.session.execute(query).first()
        db.session.commit()
        if found is None:
            return
        after = found[0]
        yield "".join(
            _line([str(line), email, ENDS.get(end, end), message])
            for line, end, email, message in found[1]
        )


def sample_file() -> str:
    """Return an example file that can be imported unchanged."""
    rows = [
        ["Email", "First name", "Last name", "Role"],
        ["ada@example.com", "Ada", "Lovelace", "User"],
        ["grace@example.com", "Grace", "Hopper", ""],
    ]
    return "".join(map(_line, rows))


def _line(cells: Iterable[str]) -> str:
    return written([[escape_formula(cell) for cell in cells]])
