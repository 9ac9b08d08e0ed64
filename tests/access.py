"""The tables of what tests know about the core's routes (tests/routes.py)."""

from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.models import Permission, UserSession
from tests import factories
from tests.links import LINKS
from tests.routes import ANYONE, CONFIRMED, GUESTS, MANAGERS, SIGNED_IN
from tests.support import PASSWORD
from tests.world import HOSTILE as TEXT
from tests.world import (
    NEW_NAME,
    NEW_PASSWORDS,
    NEW_USER,
    OLD_AND_NEW,
    SUSPENDED,
    TWICE,
    UNCONFIRMED,
    as_stranger,
    as_user,
    by_token,
    elsewhere,
    link,
    on_user,
    with_role,
)

__all__ = ["LINKS"]

# A permission stands for all users who hold it, administrators among them.
ACCESS = {
    "static": ANYONE,
    "main.index": ANYONE,
    "main.healthz": ANYONE,
    "main.change_password": ANYONE,
    "account.login": GUESTS,
    "account.register": GUESTS,
    "account.reset_password_request": GUESTS,
    "account.reset_password": GUESTS,
    "account.check_password": ANYONE,
    "account.confirm": ANYONE,
    "account.logout": SIGNED_IN,
    "account.unconfirmed": SIGNED_IN,
    "account.confirm_request": SIGNED_IN,
    "account.index": CONFIRMED,
    "account.manage": CONFIRMED,
    "account.devices": CONFIRMED,
    "account.end_sessions": CONFIRMED,
    "account.change_password": CONFIRMED,
    "account.change_name": CONFIRMED,
    "account.change_email_request": CONFIRMED,
    "account.change_email": CONFIRMED,
    "account.cancel_email_change": CONFIRMED,
    "account.reauthenticate": CONFIRMED,
    "admin.index": MANAGERS,
    "admin.registered_users": Permission.MANAGE_USERS,
    "admin.user_info": Permission.MANAGE_USERS,
    "admin.new_user": Permission.MANAGE_USERS,
    "admin.change_user_name": Permission.MANAGE_USERS,
    "admin.change_user_email": Permission.MANAGE_USERS,
    "admin.change_account_type": Permission.MANAGE_USERS,
    "admin.suspend_user": Permission.MANAGE_USERS,
    "admin.reactivate_user": Permission.MANAGE_USERS,
    "admin.confirm_user": Permission.MANAGE_USERS,
    "admin.resend_confirmation": Permission.MANAGE_USERS,
    "admin.send_reset_link": Permission.MANAGE_USERS,
    "admin.require_password_change": Permission.MANAGE_USERS,
    "admin.end_user_sessions": Permission.MANAGE_USERS,
    "admin.end_user_session": Permission.MANAGE_USERS,
}
MARKS = {
    "account.login": "signs_in",
    "account.reauthenticate": "signs_in",
    "account.logout": "open_to_every_gate",
}

# Pages that change how a user signs in must not be open to "impersonating".
OPEN_TO = {
    "account.unconfirmed": "impersonating unconfirmed",
    "account.confirm": "impersonating unconfirmed",
    "account.confirm_request": "unconfirmed",
    "account.reset_password": "impersonating unconfirmed",
    "account.reset_password_request": "impersonating",
    "account.change_password": "must_change_password",
    "account.check_password": "impersonating must_change_password",
    "account.index": "impersonating",
    "account.change_name": "impersonating",
    "account.manage": "impersonating",
    "account.login": "impersonating",
    "account.register": "impersonating",
}

OPEN_TO_UNCONFIRMED = {
    "main.healthz": "for monitors",
    "static": "a file",
    "account.confirm": "confirms the account, also that of a user who is signed in",
}


def link_to_change_email(world):
    world.admin.pending_email = "new@example.com"
    db.session.commit()
    token = world.admin.generate_email_change_token("new@example.com")
    return f"/account/manage/change-email/{token}"


def sign_in(world):
    user = world.make_user()
    return world.send(world.stranger, "/account/login", email=user.email, password=PASSWORD)


def change_email(world):
    user, browser = world.as_user(pending_email="new@example.com")
    token = user.generate_email_change_token("new@example.com")
    return world.send(browser, f"/account/manage/change-email/{token}")


def cancel_email_change(world):
    _, browser = world.as_user(pending_email="new@example.com")
    return world.send(browser, "/account/manage/change-email/cancel", form_at="/account/manage")


def change_role(world):
    role = factories.make_role("Editor", permissions=1)
    return on_user("change-account-type", role=role.id)(world)


def end_user_session(world):
    user, _ = world.as_user()
    row = db.session.scalars(select(UserSession).where(UserSession.user_id == user.id)).one()
    return world.send(world.browser, f"/admin/user/{user.id}/sessions/{row.id}/end", form_at="/")


def end_user_sessions(world):
    user, _ = world.as_user()
    return world.send(world.browser, f"/admin/user/{user.id}/end-sessions")


def hostile_users(world):
    """Return users with hostile names, in several states."""
    named = {"first_name": TEXT, "last_name": TEXT}
    people = [
        world.make_user(**named, suspended_reason=TEXT, suspended=True),
        world.make_user(**named, invited=True),
        world.make_user(**named, deleted_at=now()),
        world.make_user(**named),
    ]
    people[0].role = factories.make_role(TEXT)
    db.session.commit()
    return [user.id for user in people]


EVENTS = {
    "account.login": ("session.started", sign_in),
    "account.logout": ("session.ended", as_user("/account/logout", form_at="/")),
    "account.reauthenticate": (
        "session.reauthenticated",
        as_user("/account/reauthenticate", password=PASSWORD),
    ),
    "account.register": (
        "user.registered",
        as_stranger("/account/register", **NEW_USER, **TWICE),
    ),
    "account.confirm_request": (
        "user.confirmation_resent",
        as_user("/account/confirm-account", form_at="/account/unconfirmed", user=UNCONFIRMED),
    ),
    "account.confirm": (
        "user.confirmed",
        by_token(
            "/account/confirm-account/{token}",
            "confirmation",
            confirmed=False,
            data={"password": PASSWORD},
        ),
    ),
    "account.reset_password_request": (
        "user.reset_asked",
        as_stranger("/account/reset-password", email="nobody@example.com"),
    ),
    "account.reset_password": (
        "user.password_reset",
        by_token("/account/reset-password/{token}", "password_reset", data=NEW_PASSWORDS),
    ),
    "account.change_password": (
        "user.password_changed",
        as_user("/account/manage/change-password", **OLD_AND_NEW),
    ),
    "account.change_name": (
        "user.renamed",
        as_user("/account/manage/change-name", **NEW_NAME),
    ),
    "account.change_email_request": (
        "user.email_change_asked",
        as_user("/account/manage/change-email", email="new@example.com", password=PASSWORD),
    ),
    "account.change_email": ("user.email_changed", change_email),
    "account.cancel_email_change": ("user.email_change_cancelled", cancel_email_change),
    "account.end_sessions": (
        "user.sessions_ended",
        as_user("/account/manage/devices/end", form_at="/", session="others"),
    ),
    "admin.new_user": ("user.created", with_role("/admin/new-user", **NEW_USER, **TWICE)),
    "admin.change_user_name": ("user.renamed", on_user("change-name", **NEW_NAME)),
    "admin.change_user_email": (
        "user.email_changed",
        on_user("change-email", email="other@example.com"),
    ),
    "admin.change_account_type": ("user.role_changed", change_role),
    "admin.suspend_user": ("user.suspended", on_user("suspend", reason="Spam")),
    "admin.reactivate_user": ("user.reactivated", on_user("reactivate", user=SUSPENDED)),
    "admin.confirm_user": ("user.confirmed", on_user("confirm", user=UNCONFIRMED)),
    "admin.resend_confirmation": (
        "user.confirmation_resent",
        on_user("resend-confirmation", user=UNCONFIRMED, form_at="/"),
    ),
    "admin.send_reset_link": ("user.reset_link_sent", on_user("send-reset-link")),
    "admin.require_password_change": (
        "user.password_change_required",
        on_user("require-password-change"),
    ),
    "admin.end_user_sessions": ("user.sessions_ended", end_user_sessions),
    "admin.end_user_session": ("user.session_ended", end_user_session),
}
WITHOUT_EVENT = {
    "account.check_password": "answers a question",
}
WITHOUT_SESSION = {
    "static": "files are the same for everyone",
    "main.healthz": "for monitors, which keep no cookie",
}

# The policy decides who may manage a user. Sessions are looked up together with their user.
SHARED = {
    "user_id": "every user who manages users sees all of them",
    "session_id": "looked up with its user",
    "token": "the link is the permission",
    "filename": "a file for everyone",
}
HOSTILE = {
    "user_id": hostile_users,
    "session_id": elsewhere,
    "token": elsewhere,
    "filename": elsewhere,
}

FIELDS = {
    "/account/login": ("email", "password", "remember_me", "next"),
    "/account/register": (
        *("first_name", "last_name", "email", "password", "password2"),
        *("subject", "opened", "proof"),
    ),
    "/account/reset-password": ("email",),
    "/account/manage/change-password": ("old_password", "new_password", "new_password2"),
    "/account/manage/change-name": ("first_name", "last_name"),
    "/account/manage/change-email": ("email", "password"),
    "/account/reauthenticate": ("password",),
    "/admin/new-user": ("role", "first_name", "last_name", "email", "password", "password2"),
    "/admin/user/{id}/change-name": ("first_name", "last_name"),
    "/admin/user/{id}/change-email": ("email",),
    "/admin/user/{id}/change-account-type": ("role",),
}
WORKING_LINKS = {
    "account.confirm": link("/account/confirm-account/{token}", "confirmation", confirmed=False),
    "account.reset_password": link("/account/reset-password/{token}", "password_reset"),
    "account.change_email": link_to_change_email,
}
CARDS = {Permission.MANAGE_USERS: "New people"}
MENU = {Permission.MANAGE_USERS: "/admin/users"}
NOT_OWN_DATA = {
    "table_operations": "the work on lists; the activity names it",
    "table_imports": "the work on lists; the activity names it",
}
