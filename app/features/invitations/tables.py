"""The table of pending invitations."""

from app.features.invitations import invitation_pages, links
from app.features.invitations.invitation_pages import Pending
from app.kit.tables import Column, RowAction, Table
from app.models import User
from app.services.policy import may_grant
from app.sign_in import me


def _may_change(row: Pending) -> bool:
    return may_grant(me(), row.user.role.permissions if row.user.role else 0)


def _may_send(row: Pending) -> bool:
    return _may_change(row) and links.are_open()


invitations = Table(
    User,
    title="Invitations",
    lead="People who were invited and have not chosen a password yet.",
    nouns=("invitation", "invitations"),
    endpoint="admin.invitations",
    columns=[
        Column(
            "name",
            "Person",
            main=True,
            link="admin.user_info",
            sub=lambda row: row.email,
            avatar=True,
        ),
        Column("role", "Role", value=lambda row: row.user.role.name if row.user.role else "None"),
        Column("invited_by", "Invited by", wide=True),
        Column("created_at", "Invited", value=lambda row: row.invited_at, nowrap=True),
        Column("link", "Link", macro="macros/invitation_macros.html:link_cell"),
    ],
    search=["first_name", "last_name", "email"],
    search_label="Find by name or email",
    order="-created_at",
    where=[User.stored_status == "invited", User.deleted_at.is_(None)],
    load=[User.role, User.invited_by],
    rows=invitation_pages.pending,
    add=("Invite someone", "admin.invite_user", "envelope-plus"),
    may_add=links.are_open,
    empty=(
        "envelope-open",
        "No invitation is open",
        "People you invite are listed here until they choose a password.",
    ),
    no_match=(
        "No invitation matches",
        "Try part of a name or email address. People who have accepted are in the list of people.",
    ),
    row_actions=[
        RowAction(
            "Send again",
            "admin.resend_invite",
            icon="envelope-arrow-up",
            is_posted=True,
            is_offered=_may_send,
        ),
        RowAction("Copy a link", "admin.copy_invite_link", icon="link-45deg", is_offered=_may_send),
        RowAction(
            "Revoke", "admin.revoke_invite", icon="x-circle", danger=True, is_offered=_may_change
        ),
    ],
)
