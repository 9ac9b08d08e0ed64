"""The rows of a bulk operation with their results, by id."""

from enum import StrEnum
from types import SimpleNamespace
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import ColumnElement, select

from app.features.api.schemas import ApiSchema, Digits
from app.features.api.web.dumping import dump_all
from app.features.api.web.lists import LIMIT, MOST, cursor_refused, page_response, place_of
from app.kit.operations import BulkColumns, kinds
from app.kit.tables.cursors import NotACursor
from app.kit.tables.ordering import OrderPart
from app.kit.tables.page import TablePage
from app.kit.tables.totals import UNKNOWN, Total
from app.kit.tables.walking import PageAsked, walk


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
    is_done, is_left_out = item.row_id <= operation.done_to, item.reason != ""
    conditions: dict[str, ColumnElement[bool]] = {
        RowResult.DONE: ~is_left_out & is_done,
        RowResult.LEFT_OUT: is_left_out,
        RowResult.TO_DO: ~is_left_out & ~is_done,
    }
    query = select(item.reason).where(item.operation_id == operation.id)
    if only := asked.get("result"):
        query = query.where(conditions[only])
    with cursor_refused():
        place = place_of(asked["cursor"])
        if "page" in place:
            raise NotACursor
        page = walk(
            query, [OrderPart("", (), (item.row_id,))], PageAsked("id", asked["limit"], **place)
        )
    reasons = kinds.kind_of(operation).reasons
    items = [
        SimpleNamespace(
            id=row_id,
            result=_result(operation, row_id, reason),
            reason=reasons.get(reason, reason),
        )
        for reason, row_id in page.rows
    ]
    total = UNKNOWN if only else Total(operation.total)
    found = TablePage(page.rows, total, before=page.before, after=page.after)
    return page_response(found, dump_all(RowResultSchema(), items))


def _result(operation: BulkColumns, row_id: int, reason: str) -> str:
    if reason:
        return RowResult.LEFT_OUT
    return RowResult.DONE if row_id <= operation.done_to else RowResult.TO_DO
