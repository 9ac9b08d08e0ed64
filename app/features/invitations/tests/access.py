"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.models import Permission
from tests.world import INVITED, NEW_USER, on_user, with_role

ACCESS = {
    "admin.invite_user": Permission.MANAGE_USERS,
    "admin.resend_invite": Permission.MANAGE_USERS,
    "admin.revoke_invite": Permission.MANAGE_USERS,
    "admin.copy_invite_link": Permission.MANAGE_USERS,
    "admin.invitations": Permission.MANAGE_USERS,
}


def copy_invite_link(world):
    user = world.make_user(invited=True)
    return world.send(world.browser, f"/admin/user/{user.id}/copy-invite-link")


EVENTS = {
    "admin.invite_user": ("user.invited", with_role("/admin/invite-user", **NEW_USER)),
    "admin.resend_invite": (
        "user.invitation_resent",
        on_user("resend-invite", user=INVITED, form_at="/"),
    ),
    "admin.copy_invite_link": ("user.invitation_link_copied", copy_invite_link),
    "admin.revoke_invite": ("user.invitation_revoked", on_user("revoke-invite", user=INVITED)),
}
FIELDS = {"/admin/invite-user": ("role", "first_name", "last_name", "email")}
