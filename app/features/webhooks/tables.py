"""The lists of webhooks and of their deliveries."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from app.extensions import db
from app.features.webhooks.models import (
    TEST,
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookState,
)
from app.kit.audit import ACTIONS, NOUNS
from app.kit.tables import Choice, Column, Dates, Table

MACROS = "macros/webhook_macros.html"


def count_events(webhook: Webhook) -> str:
    """Return in words how many kinds of events a webhook gets."""
    return "All" if webhook.wants_all else str(len(webhook.actions))


webhooks = Table(
    Webhook,
    title="Webhooks",
    lead="URLs to which the app posts events.",
    nouns=("webhook", "webhooks"),
    endpoint="admin.webhooks",
    columns=[
        Column("name", "Name", main=True, link="admin.webhook", sub=lambda row: row.url),
        Column("state", "State", macro=f"{MACROS}:state_cell"),
        Column("events", "Events", value=count_events, sort=[]),
        Column("succeeded_at", "Last success", nowrap=True, none="Never"),
        Column("created_at", "Added", hidden=True),
    ],
    search=["name", "url"],
    filters=[Choice("state", "States of webhooks", choices=WebhookState, is_tabs=True)],
    load=[Webhook.actions],
    order="name",
    add=("Add webhook", "admin.add_webhook", "plus-lg"),
    empty=("broadcast", "No webhooks yet", "Add one to tell another program what happens here."),
)


def _webhooks() -> Iterable[tuple[int, str]]:
    rows = db.session.execute(select(Webhook.id, Webhook.name).order_by(Webhook.name, Webhook.id))
    return [(webhook_id, name) for webhook_id, name in rows]


def _actions() -> Iterable[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {"": [(TEST, "Test")]}
    for action, words in ACTIONS.items():
        groups.setdefault(NOUNS[action.partition(".")[0]], []).append((action, words))
    return groups.items()


def words_of(action: str) -> str:
    """Return the event of a delivery in words."""
    return "Test" if action == TEST else ACTIONS.get(action, action)


deliveries = Table(
    WebhookDelivery,
    title="Deliveries",
    lead="Every event that went to a webhook, or waits to go.",
    nouns=("delivery", "deliveries"),
    endpoint="admin.webhook_deliveries",
    columns=[
        Column(
            "action",
            "Event",
            value=lambda row: words_of(row.action),
            main=True,
            link="admin.webhook_delivery",
            sub=f"{MACROS}:webhook_and_error",
            sort=[],
        ),
        Column("state", "State", badge=True),
        Column("status", "Answer", align="end", show=str, sort=[]),
        Column("attempts", "Attempts", align="end", sort=[]),
        Column("milliseconds", "Time", align="end", show="{:,} ms".format, sort=[], wide=True),
        Column("created_at", "Queued", nowrap=True, sort=[WebhookDelivery.id]),
        Column("webhook", "Webhook", value=lambda row: row.webhook.name, hidden=True, sort=[]),
    ],
    filters=[
        Choice("state", "States of deliveries", choices=DeliveryState, is_tabs=True),
        Choice("webhook", "Webhook", column=WebhookDelivery.webhook_id, choices=_webhooks),
        Choice("event", "Event", column=WebhookDelivery.action, groups=_actions),
        Dates("created_at", "Queued"),
    ],
    load=[WebhookDelivery.webhook],
    order="-created_at",
    live=True,
    empty=("broadcast", "No deliveries yet", "Each event that goes to a webhook appears here."),
)
