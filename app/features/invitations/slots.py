"""Plug invitations into pages of other modules."""

from app.features.invitations import links
from app.kit import slots
from app.models import User


@slots.user_action(
    "admin.resend_invite",
    "Send again",
    place="manage",
    order=10,
    heading="Invitation",
    text="Not taken up yet.",
    is_posted=True,
    skips_self=False,
)
@slots.user_action(
    "admin.copy_invite_link",
    "Copy a link",
    place="manage",
    order=11,
    heading="Invitation",
    text="Not taken up yet.",
    skips_self=False,
)
def may_invite_again(user: User, by: User) -> bool:
    return links.are_open() and may_revoke(user, by)


@slots.user_action(
    "admin.revoke_invite",
    "Revoke",
    place="manage",
    order=12,
    heading="Invitation",
    text="Not taken up yet.",
    hidden="the invitation",
    tone="outline-danger",
    skips_self=False,
)
def may_revoke(user: User, _by: User) -> bool:
    return user.is_invited and not user.is_suspended


slots.user_list_action("admin.invite_user", "Invite someone", icon="envelope-plus", order=30)(
    links.are_open
)
