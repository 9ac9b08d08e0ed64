"""The pages of an import: upload, columns, check, run, and result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.kit import imports, queue
from app.kit.imports import FileGone, ImportState
from app.kit.imports.table_imports import TableImportKind
from app.kit.operations import NotOpen, NotYours, is_short
from app.kit.operations.tables import Where
from app.kit.tables.table import Table
from app.kit.web import table_pages
from app.kit.web.downloads import streamed_csv
from app.kit.web.forms.confirmation import ask_to_confirm
from app.kit.web.live import is_live
from app.kit.web.method_views import View, view_of
from app.kit.web.operations.import_forms import mapping_form
from app.kit.web.operations.import_steps import CHANGED, ImportSteps
from app.kit.web.restrict import takes_files
from app.kit.web.table_pages import layout_of_page

Guard = Callable[[View], View]

NOT_YOURS = "Only {} can do this: the import belongs to the person who checked it."
IMPERSONATED = "Stop the impersonation first. Imports are done in your own name."


def add_pages(
    blueprint: Blueprint,
    rule: str,
    table: Table,
    guard: Guard,
    *,
    by: Callable[[], Any],
    where: Where = lambda _by: (),
    fresh: Guard = lambda view: view,
) -> None:
    """Add the pages of a table's import below `rule`, such as "/projects".

    `guard` is the decorator of the table's own page, and `by` returns the signed-in user. `where`
    returns the conditions on the rows that a user may change, such as "only the user's own".
    `fresh` guards the run, the deletion and the downloads, for example with the password.
    """
    allows = getattr(guard(lambda: None), "allows", lambda _user: True)
    kind = TableImportKind(table, allows, where)
    imports.register(kind)
    pages = ImportPages(
        kind,
        by=by,
        list_url=lambda: (url_for(table.endpoint), table.title),
        form=lambda row: mapping_form(row, kind.fields(), kind.nouns),
        prefix=f"{table.endpoint}_",
        argument=f"{table.endpoint.rpartition('.')[2]}_import_id",
    )
    pages.add_to(blueprint, f"{rule}/import", guard, fresh)


class ImportPages(ImportSteps):
    """The views of an import."""

    def add_to(self, blueprint: Blueprint, rule: str, guard: Guard, fresh: Guard) -> None:
        """Add the pages to a blueprint."""
        one = f"{rule}/<int:{self.argument}>"
        upload, both = takes_files("IMPORT_MAX_MEGABYTES"), ["GET", "POST"]
        for path, name, view, more, methods in (
            (rule, "import", self.upload, upload, both),
            (f"{rule}/sample.csv", "import_sample", self.sample, None, ["GET"]),
            (f"{one}/columns", "import_columns", self.columns, None, both),
            (one, "import_check", self.show, None, ["GET"]),
            (f"{one}/run", "import_run", self.run, fresh, both),
            (f"{one}/go-on", "import_go_on", self.go_on, fresh, both),
            (f"{one}/cancel", "import_cancel", self.cancel, None, ["POST"]),
            (f"{one}/delete", "import_delete", self.delete, fresh, both),
            (f"{one}/problems.csv", "import_problems", self.problems, fresh, ["GET"]),
            (f"{one}/results.csv", "import_results", self.results, fresh, ["GET"]),
        ):
            endpoint = self._endpoint(name).rpartition(".")[2]
            plain = view_of(view, endpoint)
            blueprint.add_url_rule(
                path, endpoint, guard(more(plain) if more else plain), methods=methods
            )

    def show(self, import_id: int) -> ResponseReturnValue:
        row = self._import_or_404(import_id)
        if row.state == ImportState.UPLOADED:
            return redirect(self.url("import_columns", row))
        asked = table_pages.read(self.problems_table)
        return self._render(
            "import",
            row=row,
            encoding=imports.ENCODINGS[row.encoding],
            shown=table_pages.load(asked, [row.problem.import_id == row.id]),
            most_problems=imports.MOST_PROBLEMS,
            has_results=row.has_begun and bool(row.position),
            is_stalled=row.is_stalled,
            is_queue_away=row.is_open and not row.job_id and not is_short(row),
            has_queue=queue.is_configured(),
            is_own=row.actor_id == self.by().id,
            after=self.after(row) or (self.list_url()[0], f"See the {self.kind.nouns[1]}"),
            live=is_live(),
        )

    def run(self, import_id: int) -> ResponseReturnValue:
        """Import the checked file. GET asks for confirmation, POST starts the run."""
        row = self._import_or_404(import_id)
        check, keep_good = request.args.get("check", ""), "keep_good" in request.args
        if row.state != ImportState.CHECKED or check != str(row.checks):
            flash(CHANGED, "error")
            return self._back_to(row)
        return self._ask(
            row,
            lambda: imports.run(row, check=int(check), keep_good=keep_good, by=self.by()),
            title=f"Import {row.file_name}?",
            text=self._what_will_happen(row),
            button=f"Import {self._counted(row.to_do)}",
        )

    def _what_will_happen(self, row: Any) -> str:
        sentences = [
            f"{self._counted(row.counts[end])} {word}."
            for end, word in self.kind.will.items()
            if row.counts.get(end)
        ]
        if row.problems:
            lines = "line with a problem" if row.problems == 1 else "lines with problems"
            sentences.append(f"{row.problems:,} {lines} will be left out.")
        return " ".join(sentences)

    def _counted(self, number: int) -> str:
        return f"{number:,} {self.kind.nouns[number != 1]}"

    def go_on(self, import_id: int) -> ResponseReturnValue:
        """Resume an import that stopped or still waits for a worker."""
        row = self._import_or_404(import_id)
        return self._ask(
            row,
            lambda: imports.go_on(row, by=self.by()),
            title=f"Go on with {row.file_name}?",
            text=f"{row.position:,} of {row.lines:,} lines are done, and none is done twice.",
            button="Go on",
        )

    def cancel(self, import_id: int) -> ResponseReturnValue:
        row = self._import_or_404(import_id)
        try:
            imports.cancel(row, by=self.by())
        except NotOpen:
            flash(CHANGED, "error")
        else:
            words = "The import stops after the current batch. Finished lines stay imported."
            flash(words, "success")
        return self._back_to(row)

    def delete(self, import_id: int) -> ResponseReturnValue:
        row = self._import_or_404(import_id)

        def delete() -> ResponseReturnValue:
            imports.delete(row, by=self.by())
            flash("The import is deleted.", "success")
            return redirect(self.url("import"))

        return self._ask(
            row,
            delete,
            title=f"Delete the import of {row.file_name}?",
            text="The file and the results of its lines are deleted. "
            f"{self.kind.kept} stay, and so does the audit trail.",
            button="Delete the import",
            refusal="The import is running. Stop it first.",
            danger=True,
        )

    def _ask(
        self,
        row: Any,
        act: Callable[[], ResponseReturnValue | None],
        *,
        refusal: str = CHANGED,
        danger: bool = False,
        **words: str,
    ) -> ResponseReturnValue:
        """Ask for confirmation, or act if it is given. Users delete under impersonation, too."""
        back = self.url("import_check", row)
        trail = [self.list_url(), (self.url("import"), "Import"), (back, row.file_name)]
        layout = layout_of_page()
        if page := ask_to_confirm(back=back, trail=trail, danger=danger, layout=layout, **words):
            return page
        in_own_name = danger or self.kind.may_impersonate or self.by().impersonator is None
        try:
            if in_own_name:
                return act() or self._back_to(row)
            flash(IMPERSONATED, "error")
        except NotOpen:
            flash(refusal, "error")
        except NotYours:
            flash(NOT_YOURS.format(row.actor_label), "error")
        except FileGone:
            return self._ask_for_file_again()
        return self._back_to(row)

    # Downloads

    def problems(self, import_id: int) -> ResponseReturnValue:
        return self._file(import_id, "problems", imports.problems_file)

    def results(self, import_id: int) -> ResponseReturnValue:
        return self._file(import_id, "results", imports.results_file)

    def _file(self, import_id: int, name: str, lines: Callable[..., Any]) -> ResponseReturnValue:
        row = self._import_or_404(import_id)
        return streamed_csv(f"import-{row.id}-{name}.csv", lambda: lines(row, by=self.by()))
