"""Bulk actions of declared tables: each calls the service that the page of a row calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from flask import current_app
from sqlalchemy import ColumnElement, Select, literal, select

from app.extensions import db
from app.kit import audit
from app.kit.audit.event import Actor
from app.kit.audit.savepoints import savepoint
from app.kit.database.ids import among
from app.kit.operations import bulk, owners, previews
from app.kit.operations.kinds import BatchOutcome, Kind, Stop
from app.kit.operations.models import BulkColumns
from app.kit.operations.table_models import TableOperation, TableOperationItem
from app.kit.tables.actions import BulkAction, RowRefused
from app.kit.tables.asked import Asked
from app.kit.tables.paging import matching
from app.kit.tables.table import Table
from app.kit.web import origin

CHECKED = 10_000  # rows that a preview checks; the others are checked when they are done
LONGEST_REASON = 200  # characters

Where = Callable[[Any], Sequence[ColumnElement[bool]]]


def purge() -> int:
    """Delete operations older than KEEP_TABLE_OPERATIONS days, and return their number.

    Operations of purged owners are deleted as well.
    """
    kept = timedelta(days=current_app.config["KEEP_TABLE_OPERATIONS"])
    return bulk.purge(TableOperation, kept, owners.is_of_nobody(TableOperation))


@dataclass
class TableKind(Kind):
    """The bulk actions of a table.

    `allows` tells whether a user may open the table, and `where` returns the conditions on the rows
    that the user may change.
    """

    table: Table
    allows: Callable[[Any], bool]
    where: Where
    actions: Mapping[str, BulkAction] = field(init=False)

    events: ClassVar = {
        "confirmed": "table_operation.confirmed",
        "continued": "table_operation.continued",
        "downloaded": "table_operation.downloaded",
        "stopped": "table_operation.stopped",
    }
    reasons: ClassVar = {"gone": "No longer there"}
    stop_reasons: ClassVar = {
        "action_gone": "The app no longer has this action.",
        "actor_gone": "The user who confirmed it can no longer sign in.",
        "actor_may_not": "The user who confirmed it may no longer open this list.",
    }

    def __post_init__(self) -> None:
        self.name = self.table.endpoint
        self.headers = [self._main.label]
        self.actions = {one.name: one for one in self.table.bulk_actions}

    @property
    def _main(self) -> Any:
        return next(column for column in self.table.columns if column.main)

    def visible(self, by: Any) -> list[ColumnElement[bool]]:
        """Return the conditions on the confirmed operations that a user may see.

        They are the user's own, unless everyone who opens the table sees all its rows.
        """
        return [TableOperation.actor_id == by.id] if self.where(by) else []

    def event(self, operation: BulkColumns, verb: str) -> str:
        own = self._action(operation).event if verb == "confirmed" else ""
        return own or super().event(operation, verb)

    def details(self, operation: BulkColumns) -> dict[str, Any]:
        return {"rows": operation.to_do}

    def done(self, operation: BulkColumns) -> str:
        return "done"

    def do(self, operation: BulkColumns, ids: Sequence[int]) -> BatchOutcome:
        action = self._action(operation)
        by = owners.owner(operation.actor_id)
        by.scopes = operation.parameters.get("scopes")
        by.token_name = operation.parameters.get("token", "")
        if not self.allows(by):
            raise Stop("actor_may_not")
        with origin_of(operation.provenance):
            rows = self._rows(ids, self.where(by), is_locked=True)
            try:
                with savepoint():
                    left_out = _do_each(action, rows, by, operation.arguments)
            except RowRefused:
                # A savepoint for each row costs twice the time, so do without until one is needed.
                left_out = _do_each(action, rows, by, operation.arguments, is_careful=True)
        left_out |= dict.fromkeys(set(ids) - rows.keys(), "gone")
        return BatchOutcome(len(ids) - len(left_out), left_out, has_mail=True)

    def shown(self, ids: Sequence[int]) -> Sequence[Any]:
        return list(self._rows(ids).values())

    def described(self, ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        names = {row_id: self._main.of(row) for row_id, row in self._rows(ids).items()}
        return {row_id: ["" if name is None else str(name)] for row_id, name in names.items()}

    def preview(
        self,
        action: str,
        *,
        by: Actor,
        ids: Sequence[int] = (),
        asked: Asked | None = None,
    ) -> TableOperation:
        """Save a preview for the rows of `ids`, or with `asked` for all rows of the list.

        Raises NothingChosen.
        """
        where = list(self.where(by))
        chosen: Select[Any] = select(self.table.model).where(
            *self.table.where, *where, among(self.table.identity, ids)
        )
        if asked is not None:
            chosen = matching(asked, where)
        operation = TableOperation(
            endpoint=self.table.endpoint,
            action=action,
            selection={"picked": len(ids)} if asked is None else {"filter": asked.narrowing()},
            actor_id=by.id,
            actor_label=by.email,
            provenance=audit.provenance(by),
        )
        rows = chosen.with_only_columns(
            self.table.identity, literal(""), maintain_column_froms=True
        )
        previews.begin(operation, rows.order_by(self.table.identity))
        self._check(operation, by)
        previews.finish(operation, asked=0 if asked is not None else len(set(ids)))
        return operation

    def _check(self, operation: TableOperation, by: Actor) -> None:
        """Leave out the first rows that the action refuses."""
        check = self.actions[operation.action].check
        if check is None:
            return
        item = TableOperationItem
        ids = select(item.row_id).where(item.operation_id == operation.id).order_by(item.row_id)
        found_ids = db.session.scalars(ids.limit(CHECKED)).all()
        for start in range(0, len(found_ids), bulk.BATCH):
            some = found_ids[start : start + bulk.BATCH]
            reasons = {row_id: check(row, by=by) for row_id, row in self._rows(some).items()}
            found = {row_id: why[:LONGEST_REASON] for row_id, why in reasons.items() if why}
            bulk.leave_out(operation, found)

    def _rows(
        self,
        ids: Sequence[int],
        where: Sequence[ColumnElement[bool]] = (),
        *,
        is_locked: bool = False,
    ) -> dict[int, Any]:
        identity = self.table.identity
        query = select(self.table.model).where(among(identity, ids), *self.table.where, *where)
        if is_locked:
            query = query.with_for_update(of=self.table.model, key_share=True)
            query = query.execution_options(populate_existing=True)
        rows = db.session.scalars(query.order_by(identity))
        return {getattr(row, identity.key): row for row in rows}

    def _action(self, operation: BulkColumns) -> BulkAction:
        if operation.action not in self.actions:
            raise Stop("action_gone")
        return self.actions[operation.action]


def _do_each(
    action: BulkAction,
    rows: Mapping[int, Any],
    by: Any,
    given: Mapping[str, Any],
    *,
    is_careful: bool = False,
) -> dict[int, str]:
    """Do the action on locked rows, and return the reason for each row that is left out.

    With `is_careful` a row that refuses is undone alone. Otherwise RowRefused is raised.
    """
    left_out = {}
    for row_id, row in rows.items():
        reason = action.check(row, by=by) if action.check else ""
        if not reason:
            try:
                with savepoint() if is_careful else nullcontext():
                    action.do(row, by=by, **given)
            except RowRefused as refusal:
                if not is_careful:
                    raise
                reason = str(refusal)
        if reason:
            left_out[row_id] = reason[:LONGEST_REASON]
    return left_out


@contextmanager
def origin_of(started: Mapping[str, Any]) -> Iterator[None]:
    """Give the events of a batch the IP address and browser of the confirmation."""
    here = origin.current()
    origin.note(address=started.get("address", ""), device=started.get("device", ""))
    try:
        yield
    finally:
        origin.note(address=here.address, device=here.device)
