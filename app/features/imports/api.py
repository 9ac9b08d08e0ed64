"""Imports of users in the API."""

import io
from typing import Any

from flask import Response, request, url_for
from marshmallow import fields, validate
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from app.extensions import db
from app.features.api import (
    ApiProblem,
    ApiSchema,
    Flag,
    OperationSchema,
    RowId,
    answers,
    answers_with,
    api,
    lists,
    reads,
    writes,
)
from app.features.imports import PEOPLE
from app.features.imports.admin import pages
from app.features.imports.models import ImportMode, ImportProblem, PeopleImport
from app.features.imports.services import inviting
from app.kit import imports
from app.kit.imports import FileGone, NoKeyColumn, TooManyUnfinished, Unreadable
from app.kit.operations import NotOpen, NotYours
from app.kit.web.restrict import takes_files
from app.models import Permission, Role
from app.sign_in import me

TAGS = ["Imports"]
FILES = ("text/csv", "multipart/form-data")
MODES = [str(mode) for mode in ImportMode]
EXAMPLE = "Email,First name,Last name\ngrace@example.com,Grace,Hopper\n"
FORM = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
}
BODY = {
    "required": True,
    "content": {
        "text/csv": {"schema": {"type": "string"}, "example": EXAMPLE},
        "multipart/form-data": {"schema": FORM},
    },
}

answers_with(Unreadable, lambda error: ApiProblem(422, "unreadable-file", str(error)))
answers(NoKeyColumn, 422, "no-key-column", PEOPLE.lacks_key())
answers(TooManyUnfinished, 409, "too-many-unfinished", "Finish or delete an earlier import first.")
answers(FileGone, 409, "file-gone", "The file is no longer kept. Send it again.")
answers(NotOpen, 409, "operation-changed", "The state of the operation does not allow this.")
answers(NotYours, 403, "not-yours", "Only the user who began this can go on with it.")


class ImportOptionsSchema(ApiSchema):
    """The treatment of new and of known users."""

    mode = fields.String(validate=validate.OneOf(MODES))
    role_id = RowId(Role, strict=False)
    update_existing = fields.Boolean(load_default=False)


class ImportStartSchema(ApiSchema):
    """Whether the good lines are imported although others have problems."""

    keep_good = Flag(load_default=False)


class ImportSchema(OperationSchema):
    """An import. `counts` has the lines of each outcome, and `position` the lines done."""

    state = fields.String(required=True)
    file_name = fields.String(required=True)
    columns = fields.List(fields.String(), required=True)
    mapping = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    mode = fields.String(required=True)
    role_id = fields.Integer(required=True, allow_none=True)
    update_existing = fields.Boolean(required=True)
    lines = fields.Integer(required=True)
    position = fields.Integer(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    failure = fields.String(required=True)


class ImportProblemSchema(ApiSchema):
    """A problem of a line, in a field."""

    line = fields.Integer(required=True)
    field = fields.String(required=True)
    value = fields.String(required=True)
    message = fields.String(required=True)


@api.get("/imports", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@lists(pages.imports_table, ImportSchema)
def list_imports() -> list[Any]:
    """List imports."""
    return list(PEOPLE.visible(by=me()))


@api.post("/imports", tags=TAGS)
@writes(Permission.MANAGE_USERS, takes=FILES)
@takes_files("IMPORT_MAX_MEGABYTES")
@api.doc(requestBody=BODY)
@api.arguments(ImportOptionsSchema, location="query")
@api.response(202, ImportSchema)
def check_import(values: dict[str, Any]) -> Any:
    """Upload a CSV file, and check it. Nothing is imported yet.

    Send the file as `file` of multipart/form-data, or one of up to a megabyte as text/csv. The
    first line names the columns. The state is "checked" at once, or after a while if the file is
    long.
    """
    if values.get("mode") == ImportMode.INVITE and not inviting.is_open():
        raise ApiProblem(409, "invitations-closed", "Nobody can be invited at present.")
    file = request.files.get("file")
    name = (file.filename if file else "") or PEOPLE.file_name
    stream: Any = file.stream if file else io.BytesIO(request.get_data())
    row = imports.upload(PEOPLE, stream, name=name, by=me())
    chosen = {
        "mode": values.get("mode", row.mode),
        "role_id": values.get("role_id", row.role_id),
        "update_existing": values["update_existing"],
    }
    imports.choose(row, mapping=row.mapping, has_header=row.has_header, by=me(), **chosen)
    return _started(row)


@api.get("/imports/<int:import_id>", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@api.response(200, ImportSchema)
def get_import(import_id: int) -> PeopleImport:
    """Get the check, the progress or the result of an import."""
    return _import(import_id)


@api.get("/imports/<int:import_id>/problems", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@lists(pages.problems_table, ImportProblemSchema)
def list_import_problems(import_id: int) -> list[Any]:
    """List the problems of an import, by line."""
    return [ImportProblem.import_id == _import(import_id).id]


@api.post("/imports/<int:import_id>/start", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(ImportStartSchema, required=False)
@api.response(202, ImportSchema)
def start_import(values: dict[str, Any], import_id: int) -> Any:
    """Import a checked file."""
    row = _import(import_id)
    imports.run(row, check=row.checks, keep_good=values.get("keep_good", False), by=me())
    return _started(row)


@api.post("/imports/<int:import_id>/continue", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(202, ImportSchema)
def continue_import(import_id: int) -> Any:
    """Continue an import that was stopped, has failed, or is stalled."""
    row = _import(import_id)
    imports.go_on(row, by=me())
    return _started(row)


@api.post("/imports/<int:import_id>/stop", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(200, ImportSchema)
def stop_import(import_id: int) -> PeopleImport:
    """Stop an import after the batch at hand. Finished lines stay imported."""
    row = _import(import_id)
    imports.cancel(row, by=me())
    return row


@api.delete("/imports/<int:import_id>", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(204)
def delete_import(import_id: int) -> Response:
    """Delete an import with its file and results. The users stay."""
    imports.delete(_import(import_id), by=me())
    return Response(status=204)


def _import(import_id: int) -> PeopleImport:
    mine = select(PeopleImport).where(PeopleImport.id == import_id, *PEOPLE.visible(by=me()))
    if (row := db.session.scalar(mine)) is None:
        raise NotFound
    return row


def _started(row: PeopleImport) -> Any:
    return row, 202, {"Location": url_for("api.get_import", import_id=row.id)}
