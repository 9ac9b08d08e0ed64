"""Bulk operations as a resource: programs preview, start, follow, continue and stop them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from typing import Any

from flask import url_for
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.features.api.blueprint import api
from app.features.api.schemas import ApiSchema, OperationSchema, RowNumber
from app.features.api.web.access import reads, writes
from app.features.api.web.bulk_results import AskedResultsSchema, RowResultSchema, page_of
from app.features.api.web.lists import lists, lists_rows
from app.features.api.web.problems import answers
from app.kit import operations
from app.kit.operations import (
    MOST_PICKED,
    BulkColumns,
    NothingChosen,
    NotOpen,
    NotYours,
    QueueAway,
    lifecycle,
)
from app.kit.operations.listing import state_of
from app.kit.permissions import within
from app.models import Permission
from app.services.policy import InsufficientPrivileges, may_grant
from app.sign_in import me

answers(NothingChosen, 422, "nothing-chosen", "No row has these ids, or matches the filter.")
answers(NotOpen, 409, "operation-changed", "The state of the operation does not allow this.")
answers(NotYours, 403, "not-yours", "Only the user who began this can go on with it.")

Values = dict[str, Any]


class BulkOperationSchema(OperationSchema):
    """A bulk operation. `left_out` counts the rows of each reason to leave them out."""

    action = fields.String(required=True)
    state = fields.Function(state_of, required=True, metadata={"type": "string"})
    selection = fields.Dict(required=True)
    total = fields.Integer(required=True)
    to_do = fields.Integer(required=True)
    done = fields.Integer(required=True)
    left_out = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    stop_reason = fields.String(required=True)


class ChosenRowsSchema(ApiSchema):
    """The base of schemas that choose rows by the field `by`, which has ids, or by a filter."""

    by = "ids"

    @validates_schema
    def choose_once(self, values: Values, **_options: Any) -> None:
        if (self.by in values) == ("filter" in values):
            raise ValidationError(f"Send either {self.by} or filter.", self.by)


def row_ids() -> Any:
    """Return a field for the ids of chosen rows."""
    return fields.List(RowNumber(strict=True), validate=validate.Length(1, MOST_PICKED))


@dataclass(frozen=True)
class BulkResource:
    """The bulk operations at a path, such as "/projects/bulk-operations".

    - `name` is a part of the names of operations, and `argument` the id in a URL.
    - `listed` is the endpoint of the page with their list, and `where` returns more conditions.
    - `preview` gets the values of the schema `new`, and `confirm` those of `start`.
    - `find` returns an operation that the owner of the token may see, or answers with 404.
    """

    path: str
    _: KW_ONLY
    name: str
    argument: str
    nouns: tuple[str, str]
    permission: int
    tags: Sequence[str]
    listed: str
    new: type[Schema]
    preview: Callable[[Values], BulkColumns]
    start: type[Schema]
    confirm: Callable[[BulkColumns, Values], None]
    find: Callable[[int], BulkColumns]
    where: Callable[[], list[Any]] = list
    new_example: Mapping[str, Any] | None = None
    start_example: Mapping[str, Any] | None = None

    def found(self, ids: Mapping[str, int]) -> BulkColumns:
        """Return the operation that a URL names."""
        return self.find(ids[self.argument])

    def at(self, operation: BulkColumns) -> dict[str, str]:
        """Return the header with the URL of an operation."""
        values: Values = {self.argument: operation.id}
        return {"Location": url_for(f"api.get_{self.name}_operation", **values)}


def add_bulk_operations(resource: BulkResource) -> None:
    """Add a bulk resource to the API, as `list_…_operations`, `preview_…_operation` and so on."""
    name, path, (one, many) = resource.name, resource.path, resource.nouns
    item = f"{path}/<int:{resource.argument}>"
    options = {"tags": list(resource.tags)}
    reading, writing = reads(resource.permission), writes(resource.permission)

    @api.get(path, endpoint=f"list_{name}_operations", **options)
    @reading
    @api.doc(summary=f"List the {many} that were started.")
    @lists(resource.listed, BulkOperationSchema)
    def list_operations() -> list[Any]:
        return resource.where()

    @api.post(path, endpoint=f"preview_{name}_operation", **options)
    @writing
    @api.doc(summary=f"Preview a {one}.", description="Nothing is changed until it is started.")
    @api.arguments(resource.new, example=resource.new_example)
    @api.response(201, BulkOperationSchema)
    def preview(values: Values) -> Any:
        operation = resource.preview(values)
        return operation, 201, resource.at(operation)

    @api.get(item, endpoint=f"get_{name}_operation", **options)
    @reading
    @api.doc(summary=f"Get the preview, the progress or the result of a {one}.")
    @api.response(200, BulkOperationSchema)
    def get(**ids: int) -> BulkColumns:
        return resource.found(ids)

    @api.get(f"{item}/results", endpoint=f"results_of_{name}_operation", **options)
    @reading
    @api.doc(
        summary=f"List the rows of a {one} with their results, by id.",
        description="A preview has the rows that will be left out, and why.",
    )
    @api.arguments(AskedResultsSchema, location="query")
    @lists_rows(RowResultSchema)
    def results(asked: Values, **ids: int) -> Any:
        return page_of(resource.found(ids), asked)

    @api.post(f"{item}/start", endpoint=f"start_{name}_operation", **options)
    @writing
    @api.doc(
        summary=f"Start a {one} that was previewed.",
        description="A short one is done at once. Otherwise read it until `finished_at` is set.",
    )
    @api.arguments(resource.start, example=resource.start_example)
    @api.response(202, BulkOperationSchema)
    def start(values: Values, **ids: int) -> Any:
        operation = resource.found(ids)
        with suppress(QueueAway):  # It is stalled until it is continued, as the answer says.
            resource.confirm(operation, values)
            if operations.is_short(operation):
                operations.run_some(type(operation), operation.id)
        return resource.found(ids), 202, resource.at(operation)

    @api.post(f"{item}/continue", endpoint=f"continue_{name}_operation", **options)
    @writing
    @api.doc(summary=f"Continue a {one} that was stopped, or is stalled.")
    @api.response(202, BulkOperationSchema)
    def go_on(**ids: int) -> Any:
        operation = resource.found(ids)
        _ensure_may_continue(operation)
        with suppress(QueueAway):
            if operation.remaining <= lifecycle.AT_ONCE:
                operations.begin_again(operation, by=me())
                operations.run_some(type(operation), operation.id)
            else:
                operations.go_on(operation, by=me())
        return resource.found(ids), 202, resource.at(operation)

    @api.post(f"{item}/stop", endpoint=f"stop_{name}_operation", **options)
    @writing
    @api.doc(summary=f"Stop a {one} after the batch at hand.", description="Finished changes stay.")
    @api.response(200, BulkOperationSchema)
    def stop(**ids: int) -> BulkColumns:
        operation = resource.found(ids)
        operations.stop(operation, by=me())
        return operation


def _ensure_may_continue(operation: BulkColumns) -> None:
    """Raise InsufficientPrivileges if the token lacks permissions of the one that confirmed."""
    user, scopes = me(), operation.parameters.get("scopes")
    held = user.role.permissions if user.role else 0
    if not may_grant(user, within(held, scopes, every=Permission.ADMINISTER)):
        raise InsufficientPrivileges
