"""The pages of an import: upload, columns, check, run, and result."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.extensions import db
from app.kit import imports, queue
from app.kit.imports import (
    FileGone,
    ImportKind,
    ImportState,
    NoKeyColumn,
    TooManyUnfinished,
    Unreadable,
)
from app.kit.imports.table_imports import TableImportKind
from app.kit.operations import NotOpen, NotYours, is_short
from app.kit.operations.tables import Where
from app.kit.tables.table import Table
from app.kit.web import table_pages
from app.kit.web.downloads import streamed_csv
from app.kit.web.import_forms import MappingForm, UploadForm, mapping_form
from app.kit.web.list_params import confirm, is_live
from app.kit.web.restrict import takes_files
from app.kit.web.table_pages import layout_of_page

View = Callable[..., Any]
Guard = Callable[[View], View]

CHANGED = "The import has changed. Reload the page."
GONE = "The file is no longer kept. Upload it again."
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


class ImportPages:
    """The views of an import. `names` gives them endpoints other than `prefix` and a verb."""

    def __init__(
        self,
        kind: ImportKind,
        *,
        by: Callable[[], Any],
        list_url: Callable[[], tuple[str, str]],
        form: Callable[[Any], MappingForm],
        prefix: str,
        argument: str = "import_id",
        names: dict[str, str] | None = None,
        after: Callable[[Any], tuple[str, str] | None] = lambda _row: None,
    ) -> None:
        """Keep what the pages need to know.

        `list_url` returns the URL and the title of the list. `form` returns the form of the
        columns. `after` returns the URL and the label of a page that shows the result.
        """
        self.kind, self.by, self.list_url, self.form = kind, by, list_url, form
        self.prefix, self.argument, self.names = prefix, argument, names or {}
        self.after = after
        page = self._endpoint("import_check")
        self.imports_table = imports.imports_table(kind, self._endpoint("import"), page)
        self.problems_table = imports.problems_table(kind, page)

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
            plain = _named(view, endpoint)
            blueprint.add_url_rule(
                path, endpoint, guard(more(plain) if more else plain), methods=methods
            )

    def _endpoint(self, name: str) -> str:
        return self.names.get(name, f"{self.prefix}{name}")

    def url(self, name: str, row: Any = None, **values: Any) -> str:
        """Return the URL of a page of an import."""
        if row is not None:
            values[self.argument] = row.id
        return url_for(self._endpoint(name), **values)

    def _render(self, template: str, **values: Any) -> ResponseReturnValue:
        return render_template(
            f"tables/{template}.html",
            layout=layout_of_page(),
            pages=self,
            kind=self.kind,
            fields=self.kind.fields(),
            **values,
        )

    # Step 1: the file

    def upload(self) -> ResponseReturnValue:
        form = UploadForm()
        if form.validate_on_submit():
            by, file = self.by(), form.file.data
            try:
                row = imports.upload(self.kind, file.stream, name=file.filename, by=by)
            except Unreadable as problem:
                form.file.errors = [str(problem)]
            except TooManyUnfinished:
                form.file.errors = [
                    f"There are {imports.MOST_UNFINISHED} imports that you have begun and not "
                    "finished. Go on with one of them, or delete it."
                ]
            else:
                return redirect(self.url("import_columns", row))
        asked = table_pages.read(self.imports_table)
        return self._render(
            "import_file",
            form=form,
            shown=table_pages.load(asked, self.kind.visible(by=self.by())),
            most_unfinished=imports.MOST_UNFINISHED,
        )

    def sample(self) -> ResponseReturnValue:
        return streamed_csv(self.kind.file_name, lambda: [imports.sample_file(self.kind)])

    # Step 2: the columns

    def columns(self, import_id: int) -> ResponseReturnValue:
        """Map the columns of the file to fields, and start the check."""
        row = self._import_or_404(import_id)
        if row.is_open or row.has_begun:
            return self._back_to(row)
        form = self.form(row)
        try:
            if (answer := self._columns_chosen(row, form)) is not None:
                return answer
            shown = imports.preview(row)
        except (NotOpen, NotYours):
            flash(CHANGED, "error")
            return self._back_to(row)
        except FileGone:
            return self._ask_for_file_again()
        return self._render(
            "import_columns",
            form=form,
            row=row,
            preview=shown,
            encoding=imports.ENCODINGS[row.encoding],
        )

    def _columns_chosen(self, row: Any, form: MappingForm) -> ResponseReturnValue | None:
        """Handle the submitted form. On errors, attach them to the fields and return None."""
        is_read_again = form.asks_for_another_encoding
        try:
            if is_read_again:
                return self._read_again(row, form.encoding.data)
            if form.validate_on_submit():
                mapping, has_header = form.mapping, form.has_header.data
                imports.choose(
                    row, mapping=mapping, has_header=has_header, by=self.by(), **form.options()
                )
                return self._back_to(row)
        except NoKeyColumn:
            form.key_field(self.kind.key).errors = [self.kind.no_key]
        except Unreadable as problem:
            (form.encoding if is_read_again else form.has_header).errors = [str(problem)]
        return None

    def _read_again(self, row: Any, encoding: str) -> ResponseReturnValue:
        imports.read_as(row, encoding, by=self.by())
        words = f"The file is read as {imports.ENCODINGS[encoding]}. Look at it once more."
        flash(words, "success")
        return redirect(self.url("import_columns", row))

    # Step 3: the check, the run, and the result

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
        try:
            if row.state != ImportState.CHECKED or check != str(row.checks):
                raise NotOpen
            if question := self._question(
                row,
                title=f"Import {row.file_name}?",
                text=self._what_will_happen(row),
                button=f"Import {self._counted(row.to_do)}",
            ):
                return question
            if self._may_act():
                imports.run(row, check=int(check), keep_good=keep_good, by=self.by())
        except NotOpen:
            flash(CHANGED, "error")
        except NotYours:
            flash(NOT_YOURS.format(row.actor_label), "error")
        return self._back_to(row)

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
        try:
            if question := self._question(
                row,
                title=f"Go on with {row.file_name}?",
                text=f"{row.position:,} of {row.lines:,} lines are done, and none is done twice.",
                button="Go on",
            ):
                return question
            if self._may_act():
                imports.go_on(row, by=self.by())
        except NotOpen:
            flash(CHANGED, "error")
        except NotYours:
            flash(NOT_YOURS.format(row.actor_label), "error")
        except FileGone:
            return self._ask_for_file_again()
        return self._back_to(row)

    def _may_act(self) -> bool:
        """Tell whether the user acts in their own name, where the kind asks for that."""
        is_fine = self.kind.may_impersonate or self.by().impersonator is None
        if not is_fine:
            flash(IMPERSONATED, "error")
        return is_fine

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
        try:
            if question := self._question(
                row,
                title=f"Delete the import of {row.file_name}?",
                text="The file and the results of its lines are deleted. "
                f"{self.kind.kept} stay, and so does the audit trail.",
                button="Delete the import",
                danger=True,
            ):
                return question
            imports.delete(row, by=self.by())
        except NotOpen:
            flash("The import is running. Stop it first.", "error")
            return self._back_to(row)
        except NotYours:
            flash(NOT_YOURS.format(row.actor_label), "error")
            return self._back_to(row)
        flash("The import is deleted.", "success")
        return redirect(self.url("import"))

    # Downloads

    def problems(self, import_id: int) -> ResponseReturnValue:
        return self._file(import_id, "problems", imports.problems_file)

    def results(self, import_id: int) -> ResponseReturnValue:
        return self._file(import_id, "results", imports.results_file)

    def _file(self, import_id: int, name: str, lines: Callable[..., Any]) -> ResponseReturnValue:
        row = self._import_or_404(import_id)
        return streamed_csv(f"import-{row.id}-{name}.csv", lambda: lines(row, by=self.by()))

    def _import_or_404(self, import_id: int) -> Any:
        model = self.kind.model
        conditions = self.kind.visible(by=self.by())
        return db.one_or_404(select(model).where(model.id == import_id, *conditions))

    def _question(
        self, row: Any, *, title: str, text: str, button: str, danger: bool = False
    ) -> ResponseReturnValue | None:
        back = self.url("import_check", row)
        trail = [self.list_url(), (self.url("import"), "Import"), (back, row.file_name)]
        return confirm(
            title=title,
            text=text,
            button=button,
            back=back,
            trail=trail,
            danger=danger,
            layout=layout_of_page(),
        )

    def _back_to(self, row: Any) -> ResponseReturnValue:
        return redirect(self.url("import_check", row))

    def _ask_for_file_again(self) -> ResponseReturnValue:
        flash(GONE, "error")
        return redirect(self.url("import"))


def _named(view: View, name: str) -> View:
    @wraps(view)
    def named(**arguments: int) -> ResponseReturnValue:
        answer: ResponseReturnValue = view(*arguments.values())
        return answer

    named.__name__ = name
    return named
