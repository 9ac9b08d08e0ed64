"""Downloads of the problems and the results of an import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import select

from app.extensions import db
from app.kit.audit.downloads import record_download
from app.kit.audit.event import Actor
from app.kit.imports.kinds import ImportKind, kind_of
from app.kit.imports.models import ImportColumns, ProblemColumns, ResultColumns
from app.kit.tables.csv_cells import escape_formula, written

AT_ONCE = 1000  # rows that a download reads at once


def problems_file(row: ImportColumns, *, by: Actor) -> Iterator[str]:
    """Record the download, and return the problems of an import as CSV."""
    _note(row, "problems", by)
    return _problems(row.problem, row.id, kind_of(row).fields())


def _problems(
    problem: type[ProblemColumns], import_id: int, labels: Mapping[str, str]
) -> Iterator[str]:
    yield _line(["Line", "Column", "Cell", "Problem"])
    after = (0, 0)
    columns = (problem.line, problem.id)
    while True:
        query = (
            select(*columns, problem.field, problem.value, problem.message)
            .where(problem.import_id == import_id)
            .where(
                (problem.line > after[0]) | ((problem.line == after[0]) & (problem.id > after[1]))
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
            _line([str(line), labels.get(field, ""), value, message])
            for line, _id, field, value, message in found
        )


def results_file(row: ImportColumns, *, by: Actor) -> Iterator[str]:
    """Record the download, and return the outcome of each line of an import as CSV."""
    _note(row, "results", by)
    return _results(row.result, row.id, kind_of(row))


def _note(row: ImportColumns, file: str, by: Actor) -> None:
    name = kind_of(row).events["downloaded"]
    record_download(name, by=by, subject=row, label=row.file_name, file=file)


def _results(result: type[ResultColumns], import_id: int, kind: ImportKind) -> Iterator[str]:
    yield _line(["Line", kind.fields()[kind.key], "Result", "Problem"])
    after = -1
    while True:
        query = (
            select(result.position, result.lines)
            .where(result.import_id == import_id, result.position > after)
            .order_by(result.position)
            .limit(1)
        )
        found = db.session.execute(query).first()
        db.session.commit()
        if found is None:
            return
        after = found[0]
        yield "".join(
            _line([str(line), key, kind.ends.get(end, end), message])
            for line, end, key, message in found[1]
        )


def sample_file(kind: ImportKind) -> str:
    """Return an example file that can be imported unchanged."""
    return "".join(map(_line, kind.sample()))


def _line(cells: Iterable[str]) -> str:
    return written([[escape_formula(cell) for cell in cells]])
