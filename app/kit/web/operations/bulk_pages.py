"""The pages of a table's bulk actions: their list, preview, confirmation, progress and result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField, SubmitField

from app.kit import operations
from app.kit.operations import NothingChosen, OperationState, listing
from app.kit.operations.table_models import TableOperation
from app.kit.operations.tables import CHECKED, TableKind, Where
from app.kit.tables import asked as reading
from app.kit.tables.actions import BulkAction
from app.kit.tables.columns import Column
from app.kit.tables.page import TablePage
from app.kit.tables.table import Table
from app.kit.tables.totals import Total
from app.kit.tables.words import humanised
from app.kit.web import table_pages
from app.kit.web.forms import BaseForm
from app.kit.web.method_views import View, view_of
from app.kit.web.operations import operation_pages
from app.kit.web.operations.operation_pages import UnreadableChoice, picked
from app.kit.web.shown_tables import ShownTable
from app.kit.web.table_pages import layout_of_page

IMPERSONATED = "Stop the impersonation first. Bulk actions are done in your own name."


def add_pages(
    blueprint: Blueprint,
    rule: str,
    table: Table,
    guard: Callable[[View], View],
    *,
    by: Callable[[], Any],
    where: Where = lambda _by: (),
) -> None:
    """Add the pages of a table's bulk actions below `rule`, such as "/projects".

    `guard` is the decorator of the table's own page, and `by` returns the signed-in user. `where`
    returns the conditions on the rows that a user may change, such as "only the user's own". With
    conditions, others see nothing of an operation. Without, they see it once it is confirmed.
    """
    name = table.endpoint.rpartition(".")[2]
    allows = getattr(guard(lambda: None), "allows", lambda _user: True)
    pages = _Pages(TableKind(table, allows, where), by, _list_of_operations(table))
    operations.register(pages.kind)
    one = f"{rule}/bulk/<int:{name}_operation_id>"
    for path, suffix, view, methods in (
        (f"{rule}/bulk", "bulk", pages.preview, ["POST"]),
        (f"{rule}/bulk", "operations", pages.operations, ["GET"]),
        (one, "operation", pages.operation, ["GET", "POST"]),
        (f"{one}/results.csv", "results", pages.results, ["GET"]),
    ):
        endpoint = f"{name}_{suffix}"
        blueprint.add_url_rule(path, endpoint, guard(view_of(view, endpoint)), methods=methods)


def _list_of_operations(table: Table) -> Table:
    many = table.nouns[1]

    def title(operation: TableOperation) -> str:
        action = next((one for one in table.bulk_actions if one.name == operation.action), None)
        count = operation.to_do
        words = action.label if action else humanised(operation.action)
        return f"{words} {count:,} {table.nouns[count != 1]}"

    return Table(
        TableOperation,
        title=f"Bulk actions on {many}",
        nouns=("bulk action", "bulk actions"),
        endpoint=f"{table.endpoint}_operations",
        columns=[
            Column(
                "action",
                "Action",
                value=title,
                main=True,
                link=f"{table.endpoint}_operation",
                sort=[],
            ),
            *listing.columns(TableOperation),
        ],
        order=listing.NEWEST_FIRST,
        where=[listing.is_confirmed(TableOperation), TableOperation.endpoint == table.endpoint],
        live=True,
        empty=(
            "ui-checks",
            "No bulk actions yet",
            f"Select {many} in the list, then choose an action.",
        ),
    )


@dataclass(frozen=True)
class _Pages:
    kind: TableKind
    by: Callable[[], Any]
    listed: Table

    @property
    def table(self) -> Table:
        return self.kind.table

    def preview(self) -> ResponseReturnValue:
        """Save a preview of the action and its rows, and redirect to it. Nothing changes yet."""
        asked = reading.read(self.table, request.form)
        try:
            operation = self._previewed(asked)
        except UnreadableChoice as problem:
            flash(str(problem), "error")
        except NothingChosen:
            flash(f"No {self.table.nouns[0]} is selected: they are gone, or none matches.", "error")
        else:
            return redirect(self._url("operation", operation))
        return redirect(self._list_url(asked.narrowing()))

    def _previewed(self, asked: reading.Asked) -> TableOperation:
        action = request.form.get("action", "")
        if action not in self.kind.actions:
            raise UnreadableChoice(f"Choose an action for the selected {self.table.nouns[1]}.")
        if self.by().impersonator is not None:
            raise UnreadableChoice(IMPERSONATED)
        if request.form.get("everyone") != "1":
            return self.kind.preview(action, by=self.by(), ids=picked("row_ids", self.table.nouns))
        if asked.notices:
            # An ignored filter widens the list, and the action must not hit those extra rows.
            raise UnreadableChoice(
                f"{asked.notices[0]} Set the filter again, then choose an action."
            )
        return self.kind.preview(action, by=self.by(), asked=asked)

    def operations(self) -> ResponseReturnValue:
        """List the confirmed operations that the user may open."""
        return table_pages.show(
            self.listed,
            where=self.kind.visible(self.by()),
            template="tables/bulk_operations.html",
            of_table=self.table,
            list_url=self._list_url({}),
        )

    def operation(self, operation_id: int) -> ResponseReturnValue:
        """Show a preview, or the progress of an operation, and do what their buttons ask."""
        operation = self._operation_or_404(operation_id)
        is_preview = operation.state == OperationState.PREVIEW
        action = self.kind.actions.get(operation.action) or _lost(operation.action)
        form = action.form() if is_preview and action.form else BaseForm()
        if form.validate_on_submit():
            self._press(operation, request.form.get("do", ""), _given(form))
            return redirect(self._url("operation", operation))
        list_url = self._list_url(operation.selection.get("filter", {}))
        return render_template(
            "tables/bulk_preview.html" if is_preview else "tables/bulk_operation.html",
            layout=layout_of_page(),
            form=form,
            table=self.table,
            list_url=list_url,
            operations_url=url_for(self.listed.endpoint),
            action=action,
            rows=ShownTable(self.table, reading.read(self.table, request.args), NO_PAGE, list_url),
            results_url=self._url("results", operation),
            checked=CHECKED,
            **operation_pages.shown(operation, by=self.by()),
        )

    def _press(self, operation: TableOperation, button: str, given: dict[str, Any]) -> None:
        by = self.by()
        if by.impersonator is not None:
            flash(IMPERSONATED, "error")
        elif button == "stop":
            operation_pages.stop(operation, by=by)
        elif button in {"continue", "here"}:
            operation_pages.go_on(operation, by=by, is_here=button == "here")
        else:
            operation_pages.confirm(
                operation, lambda: operations.confirm(operation, by=by, **given)
            )

    def results(self, operation_id: int) -> ResponseReturnValue:
        operation = self._operation_or_404(operation_id)
        return operation_pages.download(operation, self.table.nouns[1], by=self.by())

    def _operation_or_404(self, operation_id: int) -> TableOperation:
        return operation_pages.table_operation_or_404(self.kind, operation_id, by=self.by())

    def _url(self, suffix: str, operation: TableOperation) -> str:
        name = self.table.endpoint.rpartition(".")[2]
        values: dict[str, Any] = {f"{name}_operation_id": operation.id}
        return url_for(f"{self.table.endpoint}_{suffix}", **values)

    def _list_url(self, narrowing: dict[str, Any]) -> str:
        return url_for(self.table.endpoint, **narrowing)


def _given(form: BaseForm) -> dict[str, Any]:
    """Return the input in the form of an action, for its service."""
    return {one.name: one.data for one in form if not isinstance(one, HiddenField | SubmitField)}


def _lost(name: str) -> BulkAction:
    """Return an action that the app no longer has, for the page of its result."""
    return BulkAction(name, humanised(name), do=lambda _row, by: None)


NO_PAGE = TablePage([], Total(0))
