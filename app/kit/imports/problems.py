"""The table of the problems of an import."""

from functools import cache
from operator import attrgetter

from app.kit.imports.kinds import ImportKind
from app.kit.imports.models import ProblemColumns
from app.kit.tables.columns import Column
from app.kit.tables.table import Table


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
