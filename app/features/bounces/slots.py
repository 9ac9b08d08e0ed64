"""Plug the suppressed addresses into the outbox, the page of a user and the downloads of data."""

from typing import Any

from flask import current_app

from app.extensions import db
from app.features.bounces import services
from app.features.bounces.models import SuppressedAddress
from app.kit import slots
from app.kit.doctor import Finding, doctor_check
from app.kit.mail.recipients import suppression_list
from app.models import User

SHORTEST_SECRET = 16

suppression_list(services.reasons_against, count=services.count)


@doctor_check("secret of bounces")
def secret_is_hard_to_guess() -> Finding | None:
    secret = current_app.config["BOUNCES_TOKEN"]
    if not secret or (len(secret) >= SHORTEST_SECRET and "/" not in secret):
        return None
    return Finding(
        "BOUNCES_TOKEN is short, or has a slash, which a URL cannot hold.",
        f"Set {SHORTEST_SECRET} letters and digits or more, which nobody can guess.",
    )


@slots.subject_page("suppressedaddress", "admin.remove_suppressed_address")
def arguments_of_page(address_id: int) -> dict[str, Any] | None:
    found = db.session.get(SuppressedAddress, address_id)
    return {"address_id": address_id} if found else None


@slots.user_panel("partials/_suppressed_panel.html", order=15)
def suppression_of_user(user: User, _by: User) -> slots.Values | None:
    """Show the panel if no mail goes to the user."""
    row = services.find(user.email)
    return {"row": row} if row else None


@slots.own_data("suppressed_address")
def suppressed_address_of(user: User) -> dict[str, Any] | None:
    row = services.find(user.email)
    return {"reason": row.reason, "detail": row.detail, "since": row.created_at} if row else None
