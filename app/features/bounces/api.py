"""Suppressed addresses in the API."""

from typing import Any

from flask import Response, url_for
from marshmallow import fields

from app.features.api import (
    ApiSchema,
    Email,
    Text,
    Timestamp,
    answers,
    api,
    get_or_404,
    lists,
    reads,
    writes,
)
from app.features.bounces import services, tables
from app.features.bounces.models import Reason, SuppressedAddress
from app.features.bounces.services import AddressGone, AlreadySuppressed
from app.kit.web.forms.fields import LINE_LENGTH
from app.models import Permission
from app.sign_in import me

TAGS = ["Suppressed addresses"]
answers(AlreadySuppressed, 409, "already-suppressed", "No mail goes to this address already.")
answers(AddressGone, 404, "not-found", "The address is not in the list.")


class SuppressedAddressSchema(ApiSchema):
    """An address that gets no mail, and why."""

    id = fields.Integer(required=True)
    email = fields.String(required=True)
    reason = fields.String(required=True, metadata={"enum": [str(one) for one in Reason]})
    detail = fields.String(required=True)
    created_at = Timestamp(required=True)


class NewSuppressedAddressSchema(ApiSchema):
    """An address to send no more mail to."""

    email = Email(required=True, metadata={"format": "email"})
    detail = Text(most=LINE_LENGTH, load_default="")


@api.get("/suppressed-addresses", tags=TAGS)
@reads(Permission.MANAGE_JOBS)
@lists(tables.addresses, SuppressedAddressSchema)
def list_suppressed_addresses() -> list[Any]:
    """List the addresses that get no mail."""
    return []


@api.get("/suppressed-addresses/<int:address_id>", tags=TAGS)
@reads(Permission.MANAGE_JOBS)
@api.response(200, SuppressedAddressSchema)
def get_suppressed_address(address_id: int) -> SuppressedAddress:
    """Get an address that gets no mail."""
    return get_or_404(SuppressedAddress, address_id)


@api.post("/suppressed-addresses", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.arguments(NewSuppressedAddressSchema)
@api.response(201, SuppressedAddressSchema)
def add_suppressed_address(values: dict[str, Any]) -> Any:
    """Send no more mail to an address."""
    row = services.add(**values, by=me())
    place = url_for("api.get_suppressed_address", address_id=row.id)
    return row, 201, {"Location": place}


@api.delete("/suppressed-addresses/<int:address_id>", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.response(204)
def remove_suppressed_address(address_id: int) -> Response:
    """Allow mail to an address again."""
    services.remove(address_id, by=me())
    return Response(status=204)
