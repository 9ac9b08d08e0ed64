"""Plug webhooks into the events, the dashboard, the audit trail and the command `doctor`."""

from typing import Any

from flask import current_app

from app.extensions import db
from app.features.webhooks import (
    maintenance,
    queueing,  # noqa: F401 - follows the events
)
from app.features.webhooks.models import Webhook
from app.kit import slots
from app.kit.doctor import Finding, doctor_check
from app.models import Permission


@slots.subject_page("webhook", "admin.webhook")
def arguments_of_page(webhook_id: int) -> dict[str, Any] | None:
    return {"webhook_id": webhook_id} if db.session.get(Webhook, webhook_id) else None


@slots.card(
    Permission.ADMINISTER, template="partials/_webhooks_card.html", column="narrow", order=30
)
def webhooks_card() -> slots.Values | None:
    """Show the card while a webhook is off or fails."""
    troubles = maintenance.count_troubles()
    return {"troubles": troubles} if any(troubles.values()) else None


@doctor_check("webhook targets")
def private_hosts_are_refused() -> Finding | None:
    if not (current_app.config["WEBHOOK_PRIVATE_HOSTS"] and current_app.config["PRODUCTION"]):
        return None
    return Finding(
        "Webhooks can reach the private network of this machine.",
        "Leave WEBHOOK_PRIVATE_HOSTS out in production.",
    )


@doctor_check("webhook deliveries")
def deliveries_go_out() -> Finding | None:
    if overdue := maintenance.count_overdue():
        return Finding(
            f"Deliveries of webhooks that are overdue: {overdue:,}.", "Start a worker (run_worker)."
        )
    if off := maintenance.count_troubles()["off"]:
        return Finding(
            f"Webhooks that are off, because their servers failed: {off:,}.",
            "Open Webhooks in the admin, test them, and turn them on again or delete them.",
        )
    return None


@doctor_check("webhook secrets")
def secrets_can_be_decrypted() -> Finding | None:
    unreadable = maintenance.count_unreadable()
    if not unreadable:
        return None
    return Finding(
        f"Webhooks whose secret no key decrypts: {unreadable:,}.",
        "Name the former SECRET_KEY in SECRET_KEY_FALLBACKS, or rotate these secrets.",
    )
