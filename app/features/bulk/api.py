"""Bulk changes of users in the API."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from app.features import bulk
from app.features.api import (
    ApiProblem,
    ApiSchema,
    BulkResource,
    ChosenRowsSchema,
    Flag,
    RowNumber,
    Text,
    add_bulk_operations,
    answers,
    row_ids,
)
from app.features.bulk import tables
from app.features.bulk.models import BulkOperation
from app.kit.tables.asked import Asked
from app.kit.web.operations.operation_pages import operation_or_404
from app.models import Permission, Role
from app.services import roles
from app.sign_in import me

answers(bulk.NotOffered, 409, "not-offered", "The settings of this app do not allow the action.")


class UserFilterSchema(ApiSchema):
    """A filter of the list of users. An empty one has all users that are not deleted."""

    search = fields.String()
    role = fields.String()
    status = fields.String()
    created_from = fields.String()
    created_to = fields.String()
    seen_from = fields.String()
    seen_to = fields.String()


class NewBulkOperationSchema(ChosenRowsSchema):
    """An action on the users with some ids, or on those that match a filter."""

    by = "user_ids"
    action = fields.String(required=True, validate=validate.OneOf(list(bulk.ACTIONS)))
    user_ids = row_ids()
    filter = fields.Nested(UserFilterSchema)
    role_id = RowNumber(strict=True, metadata={"description": "The role to give."})

    @validates_schema
    def give_a_role(self, values: dict[str, Any], **_options: Any) -> None:
        if ("role_id" in values) != bulk.ACTIONS[values["action"]].has_role:
            raise ValidationError("Send it with the action change_role, and only then.", "role_id")


class StartSchema(ApiSchema):
    """The reason that administrators see, and whether the users get a mail."""

    reason = Text(most=500, lines=True, load_default="")
    notify = Flag(load_default=True)


def _preview(values: dict[str, Any]) -> BulkOperation:
    return bulk.preview(
        values["action"],
        by=me(),
        user_ids=values.get("user_ids", ()),
        asked=_asked(values["filter"]) if "filter" in values else None,
        role=_role(values["role_id"]) if "role_id" in values else None,
    )


def _asked(given: dict[str, str]) -> Asked:
    asked = tables.read_users(given)
    if asked.notices:  # A filter that is left out would hit more users.
        raise ApiProblem(422, "bad-filter", asked.notices[0])
    return asked


def _role(role_id: int) -> Role:
    for role in roles.assignable(me()):
        if role.id == role_id:
            return role
    raise ApiProblem(422, "bad-role", "There is no such role, or you cannot give it.")


def _confirm(operation: Any, values: dict[str, Any]) -> None:
    bulk.confirm(operation, by=me(), reason=values["reason"], tell=values["notify"])


add_bulk_operations(
    BulkResource(
        "/bulk-operations",
        name="bulk",
        argument="operation_id",
        nouns=tables.operations.nouns,
        permission=Permission.MANAGE_USERS,
        tags=["Bulk changes"],
        listed=tables.operations.endpoint,
        new=NewBulkOperationSchema,
        preview=_preview,
        start=StartSchema,
        confirm=_confirm,
        find=lambda operation_id: operation_or_404(BulkOperation, operation_id, by=me()),
        new_example={"action": "suspend", "user_ids": [1]},
    )
)
