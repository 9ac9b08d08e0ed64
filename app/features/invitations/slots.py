"""Plug invitations into pages of other modules."""

from functools import partial

from app.features.invitations import links
from app.kit import slots
from app.models import User

invitation_action = partial(
    slots.user_action,
    place="manage",
    heading="Invitation",
    text="Not taken up yet.",
    skips_self=False,
)


@invitation_action("admin.resend_invite", "Send again", order=10, is_posted=True)
@invitation_action("admin.copy_invite_link", "Copy a link", order=11)
def may_invite_again(user: User, by: User) -> bool:
    return links.are_open() and may_revoke(user, by)


@invitation_action(
    "admin.revoke_invite", "Revoke", order=12, hidden="the invitation", tone="outline-danger"
)
def may_revoke(user: User, _by: User) -> bool:
    return user.is_invited and not user.is_suspended


slots.user_list_action("admin.invite_user", "Invite someone", icon="envelope-plus", order=30)(
    links.are_open
)
