"""The maintenance of the site in the API."""

from dataclasses import replace
from typing import Any

from marshmallow import fields

from app.features.api import (
    ApiProblem,
    ApiSchema,
    Text,
    Timestamp,
    answers,
    answers_with,
    api,
    disruptive,
    ensure_match,
    invalid_field,
    reads,
    versioned,
    writes,
)
from app.features.maintenance import site_mode
from app.features.maintenance.main import UnderMaintenance
from app.features.maintenance.models import MESSAGE_LENGTH, SiteMode, SiteState
from app.kit import edit_conflicts
from app.kit.web.gates import open_to
from app.models import Permission
from app.sign_in import me

TAGS = ["Maintenance"]
CODE = "maintenance"
EXAMPLE = {"mode": "off", "message": "We move to another server."}


def _problem(error: UnderMaintenance) -> ApiProblem:
    wait = {"Retry-After": str(site_mode.retry_after(error.state))}
    return ApiProblem(503, CODE, str(error), headers=wait)


answers(UnderMaintenance, 503, CODE, "The site is closed or read-only. Wait as Retry-After says.")
answers_with(UnderMaintenance, _problem)


class MaintenanceSchema(ApiSchema):
    """The mode of the site, a message for visitors, and the expected end."""

    mode = fields.Enum(SiteMode, by_value=True, required=True)
    message = Text(most=MESSAGE_LENGTH, lines=True, required=True)
    until = Timestamp(required=True, allow_none=True)


@api.get("/maintenance", tags=TAGS)
@reads(Permission.ADMINISTER)
@open_to("maintenance")
@versioned
@api.response(200, MaintenanceSchema)
def get_maintenance() -> SiteState:
    """Get the mode of the site. This works in every mode."""
    return site_mode.stored()


@api.patch("/maintenance", tags=TAGS)
@writes(Permission.ADMINISTER)
@open_to("maintenance")
@versioned
@disruptive
@api.arguments(MaintenanceSchema(partial=True), example=EXAMPLE)
@api.response(200, MaintenanceSchema)
def change_maintenance(values: dict[str, Any]) -> SiteState:
    """Close the site, make it read-only, or open it again. This works in every mode.

    Visitors see the message, and programs wait until the expected end. The site does not open by
    itself.
    """
    before = site_mode.stored()
    ensure_match(MaintenanceSchema, before)
    wanted = replace(before, **values)
    if wanted.is_over:
        raise invalid_field("until", "Send a time in the future, or null.")
    site_mode.change(wanted, by=me(), seen=edit_conflicts.snapshot(before.noted()))
    return site_mode.stored()
