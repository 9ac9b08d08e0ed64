"""The rows of a bulk operation with their results, by id."""

from enum import StrEnum
from types import SimpleNamespace
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import ColumnElement, select, true

from app.extensions import db
from app.features.api.schemas import ApiSchema, Digits
from app.features.api.web.dumping import dump_all
from app.features.api.web.lists import LIMIT, MOST, move, page_response, page_url
from app.features.api.web.problems import invalid
from app.kit.database import whole_number
from app.kit.operations import BulkColumns, OperationState, kinds
from app.kit.tables.cursors import NotACursor
from app.kit.tables.totals import UNKNOWN, Total


class RowResult(StrEnum):
    """The result of a row, by the name of its count in the operation."""

    DONE = "done"
    LEFT_OUT = "left_out"
    TO_DO = "to_do"


RESULTS = [str(one) for one in RowResult]


class RowResultSchema(ApiSchema):
    """A row of a bulk operation. `reason` says why it is left out."""

    id = fields.Integer(required=True)
    result = fields.String(required=True, metadata={"enum": RESULTS})
    reason = fields.String(required=True)


class AskedResultsSchema(Schema):
    """The rows of a page."""

    limit = Digits(
        load_default=LIMIT,
        validate=validate.Range(1, MOST),
        metadata={"description": "The most items of a page."},
    )
    cursor = fields.String(
        load_default="", metadata={"description": "The place that `next` or `prev` names."}
    )
    result = fields.String(
        validate=validate.OneOf(RESULTS), metadata={"description": "Only rows with this result."}
    )


def page_of(operation: BulkColumns, asked: dict[str, Any]) -> Any:
    """Return a page of the rows of an operation, in the order of their ids."""
    item: Any = operation.item
    # Rows after the position are to do, unless nothing is left.
    is_finished = operation.state == OperationState.FINISHED
    is_done = true() if is_finished else item.row_id <= operation.position
    conditions: dict[str, ColumnElement[bool]] = {
        RowResult.DONE: (item.reason == "") & is_done,
        RowResult.LEFT_OUT: item.reason != "",
        RowResult.TO_DO: (item.reason == "") & ~is_done,
    }
    query = select(item.row_id, item.reason, is_done.label("is_done"))
    query = query.where(item.operation_id == operation.id)
    if only := asked.get("result"):
        query = query.where(conditions[only])
    after, before = _place(asked["cursor"])
    if before is not None:
        query = query.where(item.row_id < before).order_by(item.row_id.desc())
    else:
        query = query.where(item.row_id > (after or 0)).order_by(item.row_id)
    limit = asked["limit"]
    found = list(db.session.execute(query.limit(limit + 1)))
    is_cut, rows = len(found) > limit, found[:limit]
    if before is not None:
        rows.reverse()
    links = {}
    if rows and (is_cut or before is not None):
        links["next"] = page_url({"after": str(rows[-1].row_id)})
    if rows and (is_cut if before is not None else after):
        links["prev"] = page_url({"before": str(rows[0].row_id)})
    reasons = kinds.kind_of(operation).reasons
    items = [
        SimpleNamespace(id=row_id, result=_result(reason, done), reason=reasons.get(reason, reason))
        for row_id, reason, done in rows
    ]
    total = UNKNOWN if only else Total(operation.total)
    return page_response(dump_all(RowResultSchema(), items), total, links)


def _result(reason: str, is_done: bool) -> str:
    return RowResult.LEFT_OUT if reason else RowResult.DONE if is_done else RowResult.TO_DO


def _place(cursor: str) -> tuple[int | None, int | None]:
    """Return the id after which a page begins, or the one before which it ends."""
    asked: Any = SimpleNamespace(after="", before="", last=False, page=1)
    try:
        move(asked, cursor)
        after, before = whole_number(asked.after), whole_number(asked.before)
        if cursor and after is None and before is None:
            raise NotACursor
    except NotACursor:
        raise invalid(cursor="This is no cursor of the list as it is asked for.") from None
    return after, before
