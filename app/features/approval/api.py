"""Registrations that wait for approval, in the API."""

from typing import Any

from app.features.api import (
    ApiSchema,
    Text,
    UserSchema,
    acts_on_user,
    answers,
    api,
    lists,
    offers_bulk_actions,
    reads,
    writes,
)
from app.features.approval import approvals, tables
from app.features.approval.approvals import NotWaiting
from app.kit.web.forms.fields import TEXT_LENGTH
from app.models import Permission, User
from app.sign_in import me

TAGS = ["Users"]
answers(NotWaiting, 409, "not-waiting", "The user does not wait for approval any more.")


class RefusalSchema(ApiSchema):
    """The reason, which the user gets by mail."""

    reason = Text(required=True, least=1, most=TEXT_LENGTH, lines=True)


@api.get("/registrations", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@lists(tables.registrations, UserSchema)
def list_registrations() -> list[Any]:
    """List the users who wait for approval."""
    return []


offers_bulk_actions(
    "/registrations",
    tables.registrations,
    Permission.MANAGE_USERS,
    tags=TAGS,
    values={"refuse": RefusalSchema},
)


@api.post("/users/<int:user_id>/approve-registration", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(200, UserSchema)
@acts_on_user("admin.approve_registration")
def approve_registration(user: User) -> User:
    """Approve the registration of a user, who gets a mail."""
    approvals.approve_one(user, by=me())
    return user


@api.post("/users/<int:user_id>/refuse-registration", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(RefusalSchema)
@api.response(200, UserSchema)
@acts_on_user("admin.refuse_registration")
def refuse_registration(values: dict[str, str], user: User) -> User:
    """Refuse the registration of a user, who gets the reason by mail."""
    approvals.refuse_one(user, by=me(), reason=values["reason"])
    return user
