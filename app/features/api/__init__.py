"""The API for programs, at /api/v1, and the tokens with which they use it.

This is what the `api.py` of other features imports. See adding_resources.md in this folder.
"""

from app.features.api.blueprint import api
from app.features.api.columns import FileAddress, RowId, WebUrl, WholeNumber
from app.features.api.schemas import (
    NAMES_OF_PERMISSIONS,
    UNSEEN,
    ApiSchema,
    Email,
    Flag,
    NameText,
    OperationSchema,
    PermissionNames,
    RoleSchema,
    RowNumber,
    Text,
    Timestamp,
    UserSchema,
)
from app.features.api.web.access import public, reads, reads_any, writes
from app.features.api.web.bulk_operations import (
    BulkResource,
    ChosenRowsSchema,
    add_bulk_operations,
    row_ids,
)
from app.features.api.web.disruption import disruptive
from app.features.api.web.etags import compares, ensure_match, versioned
from app.features.api.web.lists import lists, whole_list
from app.features.api.web.problems import ApiProblem, answers, answers_with, invalid, invalid_field
from app.features.api.web.rows import find, get_or_404
from app.features.api.web.table_operations import offers_bulk_actions
from app.features.api.web.user_actions import acts_on_user, seen_of

__all__ = [
    "NAMES_OF_PERMISSIONS",
    "UNSEEN",
    "ApiProblem",
    "ApiSchema",
    "BulkResource",
    "ChosenRowsSchema",
    "Email",
    "FileAddress",
    "Flag",
    "NameText",
    "OperationSchema",
    "PermissionNames",
    "RoleSchema",
    "RowId",
    "RowNumber",
    "Text",
    "Timestamp",
    "UserSchema",
    "WebUrl",
    "WholeNumber",
    "acts_on_user",
    "add_bulk_operations",
    "answers",
    "answers_with",
    "api",
    "compares",
    "disruptive",
    "ensure_match",
    "find",
    "get_or_404",
    "invalid",
    "invalid_field",
    "lists",
    "offers_bulk_actions",
    "public",
    "reads",
    "reads_any",
    "row_ids",
    "seen_of",
    "versioned",
    "whole_list",
    "writes",
]
