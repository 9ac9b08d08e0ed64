"""Describe the routes of this feature for the tests of all routes (tests/routes.py).

CALLS has a working call of each operation of the API (app/features/api/tests/programs.py).
"""

from sqlalchemy import select

from app.extensions import db
from app.features.api import emails
from app.features.api.tests.programs import Call, get, on_user
from app.features.api.tests.support import MANAGE, give_token
from app.models import Permission, UserSession
from app.services import sessions
from tests import factories
from tests.routes import ANYONE, CONFIRMED, MANAGERS
from tests.support import PASSWORD
from tests.world import HOSTILE as TEXT
from tests.world import NEW_NAME, NEW_PASSWORD, NEW_USER, as_admin, elsewhere

ACCESS = {
    "main.api_docs": ANYONE,
    "main.api_docs_group": ANYONE,
    "api.openapi": ANYONE,
    "api.get_me": CONFIRMED,
    "api.change_me": CONFIRMED,
    "api.list_users": Permission.MANAGE_USERS,
    "api.get_user": Permission.MANAGE_USERS,
    "api.sign_in": ANYONE,
    "api.get_status": CONFIRMED,
    "api.list_tokens": CONFIRMED,
    "api.revoke_current_token": CONFIRMED,
    "api.revoke_token": CONFIRMED,
    "api.create_user": Permission.MANAGE_USERS,
    "api.change_user": Permission.MANAGE_USERS,
    "api.suspend_user": Permission.MANAGE_USERS,
    "api.reactivate_user": Permission.MANAGE_USERS,
    "api.confirm_user": Permission.MANAGE_USERS,
    "api.resend_confirmation": Permission.MANAGE_USERS,
    "api.send_reset_link": Permission.MANAGE_USERS,
    "api.require_password_change": Permission.MANAGE_USERS,
    "api.list_user_sessions": Permission.MANAGE_USERS,
    "api.end_user_sessions": Permission.MANAGE_USERS,
    "api.end_user_session": Permission.MANAGE_USERS,
    "api.list_user_tokens": Permission.MANAGE_USERS,
    "api.revoke_user_token": Permission.MANAGE_USERS,
    "api.revoke_user_tokens": Permission.MANAGE_USERS,
    "api.list_roles": MANAGERS,
    "account.api_tokens": CONFIRMED,
    "account.make_api_token": CONFIRMED,
    "account.revoke_api_token": CONFIRMED,
    "account.revoke_api_tokens": CONFIRMED,
    "admin.revoke_user_api_token": Permission.MANAGE_USERS,
    "admin.revoke_user_api_tokens": Permission.MANAGE_USERS,
}
MARKS = {
    "api.sign_in": "signs_in",
    "api.revoke_current_token": "open_to_every_gate",
}


def token_of(user, **values):
    return give_token(user, **values).token


def revoke(world):
    path = f"{MANAGE}/{token_of(world.admin).id}/revoke"
    return world.send(world.browser, path, form_at=MANAGE)


def revoke_all(world):
    give_token(world.admin)
    return world.send(world.browser, f"{MANAGE}/revoke-all", form_at=MANAGE)


def revoke_of_user(world):
    user = world.make_user()
    path = f"/admin/user/{user.id}"
    return world.send(world.browser, f"/admin/api-tokens/{token_of(user).id}/revoke", form_at=path)


def revoke_all_of_user(world):
    user = world.make_user()
    give_token(user)
    path = f"/admin/user/{user.id}"
    return world.send(world.browser, f"{path}/tokens/revoke-all", form_at=path)


def sign_in(program):
    user = factories.make_user()
    return program.post("/tokens", {"email": user.email, "password": PASSWORD})


def revoke_by_program(program):
    """Revoke another token of the same user, which may do no more."""
    if program.user is None:
        return program.delete("/tokens/1")
    return program.delete(f"/tokens/{token_of(program.user, scopes=Permission.GENERAL).id}")


def revoke_one_of_user(program):
    user = factories.make_user()
    return program.delete(f"/users/{user.id}/tokens/{token_of(user).id}")


def revoke_all_of_user_by_program(program):
    user = factories.make_user()
    give_token(user)
    return program.post(f"/users/{user.id}/revoke-tokens")


def change_user(body):
    return lambda program: program.patch(f"/users/{factories.make_user().id}", body())


def other_role():
    return {"role_id": factories.make_role("Plain", Permission.GENERAL).id}


def create_user(program):
    return program.post("/users", NEW_USER | {"password": NEW_PASSWORD})


def end_user_session(program):
    user = factories.make_user()
    sessions.start(user, remembered=False, address="127.0.0.1", device="test")
    row = db.session.scalars(select(UserSession).where(UserSession.user_id == user.id)).one()
    return program.delete(f"/users/{user.id}/sessions/{row.id}")


CALLS = {
    "api.openapi": get("/openapi.json"),
    "api.get_me": get("/me"),
    "api.change_me": Call(
        lambda program: program.patch("/me", {"first_name": "Augusta"}), event="user.renamed"
    ),
    "api.list_users": get("/users"),
    "api.get_user": on_user("GET", "/users/{}"),
    "api.sign_in": Call(sign_in, event="session.started"),
    "api.get_status": get("/status"),
    "api.list_tokens": get("/tokens"),
    "api.revoke_current_token": Call(
        lambda program: program.delete("/tokens/current"), event="api_token.revoked"
    ),
    "api.revoke_token": Call(revoke_by_program, event="api_token.revoked"),
    "api.create_user": Call(create_user, event="user.created"),
    "api.change_user": Call(
        change_user(lambda: NEW_NAME),
        event="user.renamed",
        others=(
            Call(change_user(lambda: {"email": "new@example.com"}), event="user.email_changed"),
            Call(change_user(other_role), event="user.role_changed"),
        ),
    ),
    "api.suspend_user": on_user(
        "POST", "/users/{}/suspend", {"reason": "Spam"}, event="user.suspended"
    ),
    "api.reactivate_user": on_user(
        "POST", "/users/{}/reactivate", event="user.reactivated", suspended=True
    ),
    "api.confirm_user": on_user(
        "POST", "/users/{}/confirm", event="user.confirmed", confirmed=False
    ),
    "api.resend_confirmation": on_user(
        "POST",
        "/users/{}/resend-confirmation",
        event="user.confirmation_resent",
        confirmed=False,
    ),
    "api.send_reset_link": on_user(
        "POST", "/users/{}/send-reset-link", event="user.reset_link_sent"
    ),
    "api.require_password_change": on_user(
        "POST", "/users/{}/require-password-change", event="user.password_change_required"
    ),
    "api.list_user_sessions": on_user("GET", "/users/{}/sessions"),
    "api.end_user_sessions": on_user("POST", "/users/{}/end-sessions", event="user.sessions_ended"),
    "api.end_user_session": Call(end_user_session, event="user.session_ended"),
    "api.list_user_tokens": on_user("GET", "/users/{}/tokens"),
    "api.revoke_user_token": Call(revoke_one_of_user, event="api_token.revoked"),
    "api.revoke_user_tokens": Call(revoke_all_of_user_by_program, event="api_token.all_revoked"),
    "api.list_roles": get("/roles"),
}
WITHOUT_SESSION = {"api.openapi": "the description is the same for everyone"}

EVENTS = {
    "account.make_api_token": (
        "api_token.made",
        as_admin(f"{MANAGE}/new", name="Script", days="30", access="read"),
    ),
    "account.revoke_api_token": ("api_token.revoked", revoke),
    "account.revoke_api_tokens": ("api_token.all_revoked", revoke_all),
    "admin.revoke_user_api_token": ("api_token.revoked", revoke_of_user),
    "admin.revoke_user_api_tokens": ("api_token.all_revoked", revoke_all_of_user),
}
OWNED = {"api_token_id": lambda world: token_of(world.admin)}
SHARED = {
    "group": "the description is the same for everyone",
    "user_api_token_id": "administrators see the tokens of all users",
}
HOSTILE = {
    "group": elsewhere,
    "api_token_id": lambda world: [token_of(world.admin, name=TEXT).id],
    "user_api_token_id": lambda world: [token_of(world.admin, name=TEXT).id],
}
MAILS = {"api_token_made": lambda user: emails.send_api_token_made(user, token_of(user))}
