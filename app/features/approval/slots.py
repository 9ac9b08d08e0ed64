"""Plug approvals into registration, and into the page of a user."""

from typing import Any

from app.features.approval import approvals
from app.kit import slots
from app.models import User
from app.services import register

register.ON_REGISTRATION.append(approvals.begin)


@slots.user_action(
    "admin.approve_registration",
    "Approve",
    place="manage",
    order=5,
    heading="Registration",
    text="Waits for approval.",
    hidden="the registration",
    is_posted=True,
)
@slots.user_action(
    "admin.refuse_registration",
    "Refuse",
    place="manage",
    order=6,
    heading="Registration",
    text="Waits for approval.",
    hidden="the registration",
    tone="outline-danger",
)
def may_decide(user: User, _by: User) -> bool:
    return user.is_active and approvals.is_waiting(user)


@slots.own_data("registration")
def facts_of(user: User) -> dict[str, Any] | None:
    request = approvals.request_of(user)
    names = ("created_at", "refused_at")
    return {name: getattr(request, name) for name in names} if request else None
