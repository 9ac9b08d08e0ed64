"""Offer the bulk actions of a declared table to programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flask import request
from marshmallow import Schema, fields, validate
from werkzeug.datastructures import MultiDict

from app.features.api.blueprint import api
from app.features.api.schemas import ApiSchema
from app.features.api.web.bulk_operations import (
    BulkResource,
    ChosenRowsSchema,
    Values,
    add_bulk_operations,
    row_ids,
)
from app.features.api.web.lists import narrowing
from app.features.api.web.problems import ApiProblem
from app.kit import operations
from app.kit.operations import BulkColumns, kinds
from app.kit.operations.table_models import TableOperation
from app.kit.operations.tables import TableKind
from app.kit.tables import asked as reading
from app.kit.tables.asked import Asked
from app.kit.tables.table import Table
from app.kit.web.operations.operation_pages import table_operation_or_404
from app.sign_in import me

Schemas = Mapping[str, type[Schema]]


def offers_bulk_actions(
    path: str,
    table: Table,
    permission: int,
    *,
    tags: Sequence[str],
    values: Schemas | None = None,
    example: Values | None = None,
) -> None:
    """Offer the bulk actions of `table` at `path`/bulk-operations, as its pages do.

    `values` has a schema for each action with a form, by the name of the action. Programs send
    these values when they start an operation. `example` is one of them, if actions have different
    values.
    """
    actions = _TableActions(table, values or {})
    actions.check()
    name, many = table.endpoint.rpartition(".")[2], table.nouns[1]
    add_bulk_operations(
        BulkResource(
            f"{path}/bulk-operations",
            name=name,
            argument=f"{name}_operation_id",
            nouns=(f"bulk action on {many}", f"bulk actions on {many}"),
            permission=permission,
            tags=tags,
            listed=f"{table.endpoint}_operations",
            where=lambda: actions.kind.visible(me()),
            new=_choice_of_rows(table),
            preview=actions.preview,
            start=_values_of_actions(table, actions.schemas),
            confirm=actions.confirm,
            find=actions.find,
            start_example=example,
            new_example={"action": table.bulk_actions[0].name, "ids": [1]},
        )
    )


@dataclass(frozen=True)
class _TableActions:
    """The bulk actions of a table, and the schemas of those that have a form."""

    table: Table
    schemas: Schemas

    @property
    def kind(self) -> TableKind:
        # The pages of the table register it (app.kit.web.operations.bulk_pages).
        return cast("TableKind", kinds.named(self.table.endpoint))

    def check(self) -> None:
        for action in self.table.bulk_actions:
            if (action.form is not None) != (action.name in self.schemas):
                raise self.table.mistake(
                    f"its action {action.name} needs a schema in `values` of offers_bulk_actions "
                    "if it has a form, and none otherwise."
                )

    def preview(self, chosen: Values) -> BulkColumns:
        ids, given = chosen.get("ids", ()), chosen.get("filter")
        asked = None if given is None else _asked(self.kind.table, given)
        return self.kind.preview(chosen["action"], by=me(), ids=ids, asked=asked)

    def confirm(self, operation: BulkColumns, _values: Values) -> None:
        schema = self.schemas.get(operation.action, ApiSchema)
        given = api.ARGUMENTS_PARSER.parse(schema(), request, location="json")
        operations.confirm(operation, by=me(), **given)

    def find(self, operation_id: int) -> TableOperation:
        return table_operation_or_404(self.kind, operation_id, by=me())


def _choice_of_rows(table: Table) -> type[Schema]:
    name, names = _class_name(table), [one.name for one in table.bulk_actions]
    titles = dict(narrowing(table))
    of_list: dict[str, Any] = {
        parameter: fields.String(metadata={"description": title})
        for parameter, title in titles.items()
    }
    return ChosenRowsSchema.from_dict(
        {
            "action": fields.String(required=True, validate=validate.OneOf(names)),
            "ids": row_ids(),
            "filter": fields.Nested(ApiSchema.from_dict(of_list, name=f"{name}Filter")),
        },
        name=f"New{name}Operation",
    )


def _values_of_actions(table: Table, schemas: Schemas) -> type[Schema]:
    """Return a schema with the values of all actions. Each action checks its own."""
    found: dict[str, Any] = {}
    for schema in schemas.values():
        found |= schema(partial=True).fields
    return ApiSchema.from_dict(found, name=f"Start{_class_name(table)}Operation")


def _class_name(table: Table) -> str:
    return table.endpoint.rpartition(".")[2].title().replace("_", "")


def _asked(table: Table, given: Values) -> Asked:
    """Return the list that a filter asks for. Raises ApiProblem if it makes no sense."""
    asked = reading.read(table, MultiDict(given))
    if asked.notices:  # A filter that is left out would hit more rows.
        raise ApiProblem(422, "bad-filter", asked.notices[0])
    return asked
