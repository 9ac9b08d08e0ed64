"""Webhooks and their deliveries in the API."""

from dataclasses import replace
from typing import Any

from flask import Response, url_for
from marshmallow import ValidationError, fields, validate

from app.features.api import (
    ApiSchema,
    Flag,
    Text,
    Timestamp,
    answers,
    answers_with,
    api,
    compares,
    ensure_match,
    get_or_404,
    invalid,
    invalid_field,
    lists,
    reads,
    versioned,
    writes,
)
from app.features.webhooks import payloads, services, signing, tables
from app.features.webhooks.models import (
    NAME_LENGTH,
    URL_LENGTH,
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookState,
)
from app.features.webhooks.services import NotResendable, WebhookGone
from app.features.webhooks.targets import UrlRefused
from app.kit import edit_conflicts
from app.kit.audit import ACTIONS
from app.models import Permission
from app.sign_in import me

TAGS = ["Webhooks"]
READ, WRITE = reads(Permission.ADMINISTER), writes(Permission.ADMINISTER)
EVENTS = {"description": "Names of events of the audit trail; none if the webhook gets all."}
EXAMPLE_EVENTS = EVENTS | {"example": ["user.suspended"]}
EXAMPLE_URL = {"example": "https://example.com/webhooks"}
EXAMPLE_SECRET = {"example": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
A_NAME = validate.Length(min=1, max=NAME_LENGTH)
A_URL = validate.Length(min=1, max=URL_LENGTH)

answers(WebhookGone, 404, "not-found", "The webhook was deleted meanwhile.")
answers(NotResendable, 409, "delivery-on-its-way", "The delivery is already queued.")
answers_with(UrlRefused, lambda error: invalid_field("url", str(error)))


def _ensure_secret(secret: str) -> None:
    if not signing.is_secret(secret):
        raise ValidationError("Send whsec_ and 24 to 64 bytes in base64.")
    if secret == EXAMPLE_SECRET["example"]:
        raise ValidationError("Send a secret of your own, because everyone can read this one.")


class WebhookSchema(ApiSchema):
    """A webhook, without its secret."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    url = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": [str(one) for one in WebhookState]})
    all_events = fields.Boolean(required=True, attribute="wants_all")
    events = fields.Function(
        lambda webhook: [one.action for one in webhook.actions],
        required=True,
        metadata={"type": "array", "items": {"type": "string"}, **EVENTS},
    )
    created_at = Timestamp(required=True)


class WebhookChangeSchema(ApiSchema):
    """The values of a webhook to change. Those that are left out stay."""

    name = Text(most=NAME_LENGTH, validate=A_NAME)
    url = Text(most=URL_LENGTH, validate=A_URL, metadata=EXAMPLE_URL)
    all_events = Flag(attribute="wants_all")
    events = fields.List(
        fields.String(validate=validate.OneOf(ACTIONS, error="There is no such event.")),
        attribute="actions",
        validate=validate.Length(max=len(ACTIONS)),
        metadata=EXAMPLE_EVENTS,
    )


class NewWebhookSchema(WebhookChangeSchema):
    """A webhook to add. Without a secret it gets one, which its page shows."""

    name = Text(required=True, most=NAME_LENGTH, validate=A_NAME)
    url = Text(required=True, most=URL_LENGTH, validate=A_URL, metadata=EXAMPLE_URL)
    all_events = Flag(attribute="wants_all", load_default=False)
    secret = Text(
        most=100,
        validate=_ensure_secret,
        load_default="",
        load_only=True,
        metadata=EXAMPLE_SECRET,
    )


class NewSecretSchema(ApiSchema):
    """A secret of a webhook."""

    secret = Text(
        most=100, validate=_ensure_secret, required=True, load_only=True, metadata=EXAMPLE_SECRET
    )


class DeliverySchema(ApiSchema):
    """An event that goes to a webhook, or a test."""

    id = fields.Integer(required=True)
    webhook_id = fields.Integer(required=True)
    message_id = fields.String(required=True, metadata={"description": "The header webhook-id."})
    event = fields.String(required=True, attribute="action")
    event_id = fields.Integer(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": [str(one) for one in DeliveryState]})
    attempts = fields.Integer(required=True)
    status = fields.Integer(required=True, allow_none=True)
    error = fields.String(required=True)
    milliseconds = fields.Integer(required=True, allow_none=True)
    created_at = Timestamp(required=True)
    tried_at = Timestamp(required=True, allow_none=True)
    next_try_at = Timestamp(required=True)


class DeliveryTextSchema(DeliverySchema):
    """A delivery with its request, and the beginning of the answer."""

    request = fields.Function(payloads.payload_of, required=True, metadata={"type": "object"})
    answer = fields.String(required=True)


@api.get("/webhooks", tags=TAGS)
@READ
@lists(tables.webhooks, WebhookSchema)
def list_webhooks() -> list[Any]:
    """List webhooks."""
    return []


@api.post("/webhooks", tags=TAGS)
@WRITE
@versioned
@api.arguments(NewWebhookSchema)
@api.response(201, WebhookSchema)
def create_webhook(values: dict[str, Any]) -> Any:
    """Add a webhook.

    No answer of the API holds a secret. Send one of your own, or look at the page of the webhook.
    """
    secret = values.pop("secret")
    given = services.WebhookValues(**values)
    _ensure_events(given)
    webhook = services.add(given, by=me(), secret=secret)
    return webhook, {"Location": url_for("api.get_webhook", webhook_id=webhook.id)}


@api.get("/webhooks/<int:webhook_id>", tags=TAGS)
@READ
@versioned
@api.response(200, WebhookSchema)
def get_webhook(webhook_id: int) -> Webhook:
    """Get a webhook."""
    return get_or_404(Webhook, webhook_id)


@api.patch("/webhooks/<int:webhook_id>", tags=TAGS)
@WRITE
@versioned
@api.arguments(WebhookChangeSchema)
@api.response(200, WebhookSchema)
def change_webhook(values: dict[str, Any], webhook_id: int) -> Webhook:
    """Change the name, the URL or the events of a webhook."""
    webhook = _webhook(webhook_id)
    before = services.values_of(webhook)
    wanted = replace(before, **values)
    _ensure_events(wanted)
    seen = edit_conflicts.snapshot(before.noted())
    services.change(webhook, wanted, by=me(), seen=seen)
    return webhook


@api.delete("/webhooks/<int:webhook_id>", tags=TAGS)
@WRITE
@compares
@api.response(204)
def delete_webhook(webhook_id: int) -> Response:
    """Delete a webhook and the log of its deliveries."""
    webhook = _webhook(webhook_id)
    services.remove(webhook, by=me())
    return Response(status=204)


@api.post("/webhooks/<int:webhook_id>/pause", tags=TAGS)
@WRITE
@compares
@api.response(200, WebhookSchema)
def pause_webhook(webhook_id: int) -> Webhook:
    """Send no more events to a webhook until it is resumed."""
    services.pause(_webhook(webhook_id), by=me())
    return get_or_404(Webhook, webhook_id)


@api.post("/webhooks/<int:webhook_id>/resume", tags=TAGS)
@WRITE
@compares
@api.response(200, WebhookSchema)
def resume_webhook(webhook_id: int) -> Webhook:
    """Send events again to a webhook that was paused or turned off."""
    services.resume(_webhook(webhook_id), by=me())
    return get_or_404(Webhook, webhook_id)


@api.post("/webhooks/<int:webhook_id>/rotate-secret", tags=TAGS)
@WRITE
@compares
@api.arguments(NewSecretSchema)
@api.response(204)
def rotate_webhook_secret(values: dict[str, Any], webhook_id: int) -> Response:
    """Give a webhook a new secret. For 24 hours the former one signs as well."""
    services.rotate_secret(_webhook(webhook_id), by=me(), secret=values["secret"])
    return Response(status=204)


@api.post("/webhooks/<int:webhook_id>/test", tags=TAGS)
@WRITE
@compares
@api.response(202, DeliverySchema)
def test_webhook(webhook_id: int) -> Any:
    """Send a test to a webhook, in any state."""
    return _on_its_way(services.test(_webhook(webhook_id), by=me()))


@api.get("/webhook-deliveries", tags=TAGS)
@READ
@lists(tables.deliveries, DeliverySchema)
def list_webhook_deliveries() -> list[Any]:
    """List deliveries, newest first."""
    return []


@api.get("/webhook-deliveries/<int:delivery_id>", tags=TAGS)
@READ
@api.response(200, DeliveryTextSchema)
def get_webhook_delivery(delivery_id: int) -> WebhookDelivery:
    """Get a delivery with its request and the answer."""
    return get_or_404(WebhookDelivery, delivery_id)


@api.post("/webhook-deliveries/<int:delivery_id>/resend", tags=TAGS)
@WRITE
@api.response(202, DeliverySchema)
def resend_webhook_delivery(delivery_id: int) -> Any:
    """Send a delivery again, with the same message id."""
    services.resend(get_or_404(WebhookDelivery, delivery_id), by=me())
    return _on_its_way(get_or_404(WebhookDelivery, delivery_id))


def _webhook(webhook_id: int) -> Webhook:
    webhook = get_or_404(Webhook, webhook_id)
    ensure_match(WebhookSchema, webhook)
    return webhook


def _on_its_way(delivery: WebhookDelivery) -> Any:
    url = url_for("api.get_webhook_delivery", delivery_id=delivery.id)
    return delivery, {"Location": url}


def _ensure_events(values: services.WebhookValues) -> None:
    if not values.wants_all and not values.events:
        raise invalid(events="Send at least one event, or all_events.")
