"""What the tests of all routes know of this feature's (tests/routes.py)."""

from datetime import timedelta

from app.extensions import db
from app.models import Permission, User
from tests.links import NEW, OTHER_EMAIL, OTHER_PASSWORD, SUSPENDED, Link, LinkKind
from tests.routes import GUESTS
from tests.world import INVITED, NEW_USER, TWICE, by_token, link, on_user, with_role

ACCESS = {
    "account.join_from_invite": GUESTS,
    "admin.invite_user": Permission.MANAGE_USERS,
    "admin.resend_invite": Permission.MANAGE_USERS,
    "admin.revoke_invite": Permission.MANAGE_USERS,
    "admin.copy_invite_link": Permission.MANAGE_USERS,
    "admin.invitations": Permission.MANAGE_USERS,
}

JOIN = "/account/join-from-invite/{user.id}/{token}"


def copy_invite_link(world):
    user = world.make_user(invited=True)
    return world.send(world.browser, f"/admin/user/{user.id}/copy-invite-link")


def invite(app, make_user):
    user = make_user(invited=True)
    return Link(
        user.generate_invite_token,
        app.test_client(),
        lambda token: JOIN.format(user=user, token=token),
        {"password": NEW, "password2": NEW},
        lambda: db.session.get(User, user.id).password_hash is not None,
    )


EVENTS = {
    "account.join_from_invite": (
        "user.invitation_accepted",
        by_token(JOIN, "invite", invited=True, data=TWICE),
    ),
    "admin.invite_user": ("user.invited", with_role("/admin/invite-user", **NEW_USER)),
    "admin.resend_invite": (
        "user.invitation_resent",
        on_user("resend-invite", user=INVITED, form_at="/"),
    ),
    "admin.copy_invite_link": ("user.invitation_link_copied", copy_invite_link),
    "admin.revoke_invite": ("user.invitation_revoked", on_user("revoke-invite", user=INVITED)),
}
WORKING_LINKS = {"account.join_from_invite": link(JOIN, "invite", invited=True)}
FIELDS = {"/admin/invite-user": ("role", "first_name", "last_name", "email")}
LINKS = {
    "invite": LinkKind(invite, timedelta(days=7), [OTHER_EMAIL, OTHER_PASSWORD, SUSPENDED]),
}
