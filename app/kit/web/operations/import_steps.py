"""The first pages of an import: the upload of a file, and the choice of its columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.extensions import db
from app.kit import imports
from app.kit.imports import FileGone, ImportKind, NoKeyColumn, TooManyUnfinished, Unreadable
from app.kit.operations import NotOpen, NotYours
from app.kit.web import table_pages
from app.kit.web.downloads import streamed_csv
from app.kit.web.operations.import_forms import MappingForm, UploadForm
from app.kit.web.table_pages import layout_of_page

CHANGED = "The import has changed. Reload the page."
GONE = "The file is no longer kept. Upload it again."


class ImportSteps:
    """The first steps of an import. `names` gives endpoints other than `prefix` and a verb."""

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
        """Store the arguments for the pages.

        `list_url` returns the URL and the title of the list. `form` returns the form of the
        columns. `after` returns the URL and the label of a page that shows the result.
        """
        self.kind, self.by, self.list_url, self.form = kind, by, list_url, form
        self.prefix, self.argument, self.names = prefix, argument, names or {}
        self.after = after
        page = self._endpoint("import_check")
        self.imports_table = imports.imports_table(kind, self._endpoint("import"), page)
        self.problems_table = imports.problems_table(kind, page)

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

    # For all pages

    def _import_or_404(self, import_id: int) -> Any:
        model = self.kind.model
        conditions = self.kind.visible(by=self.by())
        return db.one_or_404(select(model).where(model.id == import_id, *conditions))

    def _back_to(self, row: Any) -> ResponseReturnValue:
        return redirect(self.url("import_check", row))

    def _ask_for_file_again(self) -> ResponseReturnValue:
        flash(GONE, "error")
        return redirect(self.url("import"))
