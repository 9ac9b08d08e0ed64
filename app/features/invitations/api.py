"""Invitations in the API. The id of an invitation is that of the invited user."""

from typing import Any

from flask import url_for
from marshmallow import fields
from werkzeug.exceptions import NotFound

from app.extensions import db
from app.features.api import (
    ApiSchema,
    Email,
    NameText,
    RowId,
    Timestamp,
    answers,
    api,
    lists,
    reads,
    writes,
)
from app.features.invitations import invitation_pages, invitations, tables
from app.features.invitations.invitation_pages import LinkState, Pending
from app.features.invitations.invitations import InvitationsClosed, LinkChanged, NotInvited
from app.models import Permission, Role, User
from app.sign_in import me

TAGS = ["Invitations"]
answers(InvitationsClosed, 409, "invitations-closed", "Invitations are closed by REGISTRATION.")
answers(NotInvited, 409, "not-invited", "The user has no open invitation.")
answers(LinkChanged, 409, "link-changed", "Another link was made meanwhile.")


class InvitationSchema(ApiSchema):
    """An open invitation, and the state of its newest link."""

    id = fields.Integer(required=True)
    email = fields.String(required=True, attribute="user.email")
    first_name = fields.String(required=True, attribute="user.first_name")
    last_name = fields.String(required=True, attribute="user.last_name")
    role_id = fields.Integer(required=True, allow_none=True, attribute="user.role_id")
    invited_by_id = fields.Integer(required=True, allow_none=True, attribute="user.invited_by_id")
    invited_at = Timestamp(required=True)
    link = fields.String(required=True, metadata={"enum": [str(one) for one in LinkState]})
    link_expires_at = Timestamp(required=True, allow_none=True, attribute="expires_at")


class NewInvitationSchema(ApiSchema):
    """A user to invite."""

    email = Email(required=True, metadata={"format": "email"})
    first_name = NameText(required=True)
    last_name = NameText(required=True)
    role_id = RowId(Role, required=True)


class InvitationLinkSchema(ApiSchema):
    """A link that opens an account. It is shown once."""

    url = fields.Url(required=True)


@api.get("/invitations", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@lists(tables.invitations, InvitationSchema)
def list_invitations() -> list[Any]:
    """List the users who are invited and have not chosen a password yet."""
    return []


@api.post("/invitations", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(NewInvitationSchema)
@api.response(201, InvitationSchema)
def invite_user(values: dict[str, Any]) -> Any:
    """Invite a user by email. The user chooses a password."""
    role = db.session.get_one(Role, values.pop("role_id"))
    user = invitations.invite(**values, role=role, by=me())
    return _shown(user), _where(user)


@api.get("/invitations/<int:user_id>", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@api.response(200, InvitationSchema)
def get_invitation(user_id: int) -> Pending:
    """Get an open invitation."""
    return _shown(_invited(user_id))


@api.post("/invitations/<int:user_id>/resend", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(202, InvitationSchema)
def resend_invitation(user_id: int) -> Any:
    """Send an invitation again. The link in the earlier mail stops working."""
    user = _invited(user_id)
    invitations.resend(user, by=me())
    return _shown(user), _where(user)


@api.post("/invitations/<int:user_id>/link", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(201, InvitationLinkSchema)
def copy_invitation_link(user_id: int) -> Any:
    """Make a new link to hand over by other means than mail. Earlier links stop working."""
    user = _invited(user_id)
    link = invitations.copy_link(user, by=me(), known=user.invite_message_id)
    return {"url": link}, 201, {"Cache-Control": "no-store"}


@api.delete("/invitations/<int:user_id>", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(204)
def revoke_invitation(user_id: int) -> None:
    """Revoke an invitation, and delete its user."""
    invitations.revoke(_invited(user_id), by=me())


def _invited(user_id: int) -> User:
    user = db.session.get(User, user_id)
    if user is None or not user.is_invited or user.is_deleted:
        raise NotFound
    return user


def _where(user: User) -> dict[str, str]:
    return {"Location": url_for("api.get_invitation", user_id=user.id)}


def _shown(user: User) -> Pending:
    return invitation_pages.pending([user])[0]
