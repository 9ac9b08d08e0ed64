"""Bulk changes of users in the API."""

from contextlib import suppress
from typing import Any

from flask import url_for
from marshmallow import ValidationError, fields, validate, validates_schema

from app.features import bulk
from app.features.api import (
    ApiProblem,
    ApiSchema,
    Flag,
    RowNumber,
    Text,
    Timestamp,
    answers,
    api,
    lists,
    reads,
    writes,
)
from app.features.bulk import tables
from app.features.bulk.models import BulkOperation
from app.features.user_search import Filters
from app.kit import operations
from app.kit.operations import MOST_PICKED, NothingChosen, NotOpen, NotYours, QueueAway, lifecycle
from app.kit.operations.listing import state_of
from app.kit.web.operation_pages import operation_or_404
from app.models import Permission, Role
from app.services import roles
from app.sign_in import me

TAGS = ["Bulk changes"]
answers(NothingChosen, 422, "nothing-chosen", "No user has these ids, or matches the filter.")
answers(bulk.NotOffered, 409, "not-offered", "The settings of this app do not allow the action.")
answers(NotOpen, 409, "operation-changed", "The state of the operation does not allow this.")
answers(NotYours, 403, "not-yours", "Only the user who began this can go on with it.")


class UserFilterSchema(ApiSchema):
    """A filter of the list of users. An empty one has all users that are not deleted."""

    search = fields.String()
    role = fields.String()
    status = fields.String()
    created_from = fields.String()
    created_to = fields.String()
    seen_from = fields.String()
    seen_to = fields.String()


class NewBulkOperationSchema(ApiSchema):
    """An action on the users with some ids, or on those that match a filter."""

    action = fields.String(required=True, validate=validate.OneOf(list(bulk.ACTIONS)))
    user_ids = fields.List(
        RowNumber(strict=True),
        validate=validate.Length(1, MOST_PICKED),
    )
    filter = fields.Nested(UserFilterSchema)
    role_id = RowNumber(strict=True, metadata={"description": "The role to give."})

    @validates_schema
    def choose_once(self, values: dict[str, Any], **_options: Any) -> None:
        if ("user_ids" in values) == ("filter" in values):
            raise ValidationError("Send either user_ids or filter.", "user_ids")
        if ("role_id" in values) != bulk.ACTIONS[values["action"]].has_role:
            raise ValidationError("Send it with the action change_role, and only then.", "role_id")


class StartSchema(ApiSchema):
    """The reason that administrators see, and whether the users get a mail."""

    reason = Text(most=500, lines=True, load_default="")
    notify = Flag(load_default=True)


class BulkOperationSchema(ApiSchema):
    """A bulk change. `left_out` counts the users of each reason to leave them out."""

    id = fields.Integer(required=True)
    action = fields.String(required=True)
    state = fields.Function(state_of, required=True, metadata={"type": "string"})
    selection = fields.Dict(required=True)
    total = fields.Integer(required=True)
    to_do = fields.Integer(required=True)
    done = fields.Integer(required=True)
    left_out = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    stop_reason = fields.String(required=True)
    is_stalled = fields.Boolean(required=True)
    actor_id = fields.Integer(required=True)
    actor_label = fields.String(required=True)
    created_at = Timestamp(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    finished_at = Timestamp(required=True, allow_none=True)


@api.get("/bulk-operations", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@lists(tables.operations, BulkOperationSchema)
def list_bulk_operations() -> list[Any]:
    """List the bulk changes that were started."""
    return []


@api.post("/bulk-operations", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(NewBulkOperationSchema, example={"action": "suspend", "user_ids": [1]})
@api.response(201, BulkOperationSchema)
def preview_bulk_operation(values: dict[str, Any]) -> Any:
    """Preview a bulk change. Nothing is changed until it is started."""
    operation = bulk.preview(
        values["action"],
        by=me(),
        user_ids=values.get("user_ids", ()),
        filters=_filters(values["filter"]) if "filter" in values else None,
        role=_role(values["role_id"]) if "role_id" in values else None,
    )
    return operation, 201, _at(operation)


@api.get("/bulk-operations/<int:operation_id>", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@api.response(200, BulkOperationSchema)
def get_bulk_operation(operation_id: int) -> BulkOperation:
    """Get the preview, the progress or the result of a bulk change."""
    return _operation(operation_id)


@api.post("/bulk-operations/<int:operation_id>/start", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(StartSchema)
@api.response(202, BulkOperationSchema)
def start_bulk_operation(values: dict[str, Any], operation_id: int) -> Any:
    """Start a bulk change that was previewed. A short one is done at once."""
    operation = _operation(operation_id)
    with suppress(QueueAway):  # It is stalled until it is continued, as the answer says.
        bulk.confirm(operation, by=me(), reason=values["reason"], tell=values["notify"])
        if operations.is_short(operation):
            bulk.run_some(operation.id)
    return _operation(operation_id), 202, _at(operation)


@api.post("/bulk-operations/<int:operation_id>/continue", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(202, BulkOperationSchema)
def continue_bulk_operation(operation_id: int) -> Any:
    """Continue a bulk change that was stopped, or is stalled."""
    operation = _operation(operation_id)
    bulk.ensure_may_continue(operation, by=me())
    with suppress(QueueAway):
        if operation.remaining <= lifecycle.AT_ONCE:
            operations.begin_again(operation, by=me())
            bulk.run_some(operation.id)
        else:
            operations.go_on(operation, by=me())
    return _operation(operation_id), 202, _at(operation)


@api.post("/bulk-operations/<int:operation_id>/stop", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(200, BulkOperationSchema)
def stop_bulk_operation(operation_id: int) -> BulkOperation:
    """Stop a bulk change after the batch at hand. Finished changes stay."""
    operation = _operation(operation_id)
    operations.stop(operation, by=me())
    return operation


def _operation(operation_id: int) -> BulkOperation:
    found: BulkOperation = operation_or_404(BulkOperation, operation_id, by=me())
    return found


def _at(operation: BulkOperation) -> dict[str, str]:
    return {"Location": url_for("api.get_bulk_operation", operation_id=operation.id)}


def _filters(given: dict[str, str]) -> Filters:
    filters, notices = Filters.from_query(given)
    if notices:  # A filter that is left out would hit more users.
        raise ApiProblem(422, "bad-filter", notices[0])
    return filters


def _role(role_id: int) -> Role:
    for role in roles.assignable(me()):
        if role.id == role_id:
            return role
    raise ApiProblem(422, "bad-role", "There is no such role, or you cannot give it.")
