"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from datetime import timedelta

from app.extensions import db
from app.features.invitations.emails import send_invite
from app.features.invitations.links import invite_token
from app.models import Permission, User
from tests.links import NEW, OTHER_EMAIL, OTHER_PASSWORD, SUSPENDED, Link, LinkKind
from tests.routes import GUESTS
from tests.world import INVITED, NEW_USER, TWICE, on_user, with_role

ACCESS = {
    "account.join_from_invite": GUESTS,
    "admin.invite_user": Permission.MANAGE_USERS,
    "admin.resend_invite": Permission.MANAGE_USERS,
    "admin.revoke_invite": Permission.MANAGE_USERS,
    "admin.copy_invite_link": Permission.MANAGE_USERS,
    "admin.invitations": Permission.MANAGE_USERS,
}

OPEN_TO = {
    "account.join_from_invite": "impersonating unconfirmed",
}


def copy_invite_link(world):
    user = world.make_user(invited=True)
    return world.send(world.browser, f"/admin/user/{user.id}/copy-invite-link")


def working_link(world):
    user = world.make_user(invited=True)
    return f"/account/join-from-invite/{user.id}/{invite_token(user)}"


def join_from_invite(world):
    return world.send(world.stranger, working_link(world), **TWICE)


EVENTS = {
    "account.join_from_invite": ("user.invitation_accepted", join_from_invite),
    "admin.invite_user": ("user.invited", with_role("/admin/invite-user", **NEW_USER)),
    "admin.resend_invite": (
        "user.invitation_resent",
        on_user("resend-invite", user=INVITED, form_at="/"),
    ),
    "admin.copy_invite_link": ("user.invitation_link_copied", copy_invite_link),
    "admin.revoke_invite": ("user.invitation_revoked", on_user("revoke-invite", user=INVITED)),
}
FIELDS = {"/admin/invite-user": ("role", "first_name", "last_name", "email")}
WORKING_LINKS = {"account.join_from_invite": working_link}
MAILS = {"invite": lambda ada: send_invite(User.by_email("bob@example.com"), invited_by=ada)}


def invite(app, make_user):
    user = make_user(invited=True)
    return Link(
        lambda **options: invite_token(user, **options),
        app.test_client(),
        lambda token: f"/account/join-from-invite/{user.id}/{token}",
        {"password": NEW, "password2": NEW},
        lambda: db.session.get_one(User, user.id).password_hash is not None,
    )


LINKS = {"invite": LinkKind(invite, timedelta(days=7), [OTHER_EMAIL, OTHER_PASSWORD, SUSPENDED])}
