"""The tables of earlier imports and of the problems of an import."""

from datetime import datetime
from functools import cache
from operator import attrgetter

from app.kit.imports.kinds import ImportKind
from app.kit.imports.models import ImportColumns, ProblemColumns
from app.kit.operations.listing import state_of
from app.kit.tables.columns import Column
from app.kit.tables.table import Table

EARLIER = 10  # imports on a page


def imports_table(kind: ImportKind, endpoint: str, link: str) -> Table:
    """Return the table of earlier imports, the newest first. `link` is the page of an import."""
    return Table(
        kind.model,
        title="Earlier imports",
        nouns=("import", "imports"),
        endpoint=endpoint,
        columns=[
            Column("file_name", "File", main=True, link=link, sort=[]),
            Column("actor_label", "By", sort=[]),
            Column("state", "State", value=state_of, badge=True, sort=[]),
            Column("lines", "Lines", align="end", sort=[]),
            Column("when", "When", value=_time_of, align="end", nowrap=True),
        ],
        per_page=EARLIER,
    )


def _time_of(row: ImportColumns) -> datetime:
    return row.finished_at or row.created_at


def problems_table(kind: ImportKind, endpoint: str) -> Table:
    """Return the table of the problems on the page of an import, sorted by line."""
    labels = cache(kind.fields)

    def label(problem: ProblemColumns) -> str:
        return labels().get(problem.field, "")

    return Table(
        kind.model.problem,
        title="Problems",
        nouns=("problem", "problems"),
        endpoint=endpoint,
        # No column sorts: an import has thousands of problems at most, and the file has them all.
        columns=[
            Column("number", "Line", value=attrgetter("line"), main=True),
            Column("field", "Column", value=label, sort=[]),
            Column(
                "value",
                "Cell",
                macro="macros/import_macros.html:problem_cell",
                classes="cell-value",
                sort=[],
            ),
            Column("message", "Problem", classes="cell-problem", sort=[]),
        ],
        order="line",
    )
