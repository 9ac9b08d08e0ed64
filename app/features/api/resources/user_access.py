"""Actions of administrators on the access of a user: state, confirmation, passwords, sessions."""

from typing import Any

from flask import Response

from app.features.api import user_rows
from app.features.api.blueprint import api
from app.features.api.schemas import (
    ConfirmationSchema,
    ReasonSchema,
    UserSchema,
    UserSessionSchema,
)
from app.features.api.web.access import reads, writes
from app.features.api.web.lists import whole_list
from app.features.api.web.user_actions import acts_on_user, seen_of
from app.models import Permission, User, UserSession
from app.services import user_access, user_page, users
from app.sign_in import me

TAGS = ["Users"]
NOTHING = 204


@api.post("/users/<int:user_id>/suspend", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(ReasonSchema)
@api.response(200, UserSchema)
@acts_on_user("admin.suspend_user")
def suspend_user(values: dict[str, Any], user: User) -> User:
    """Suspend a user until they are reactivated.

    The user is signed out, and gets a mail without the reason.
    """
    users.suspend(user, **values, by=me(), seen=seen_of(user))
    return user


@api.post("/users/<int:user_id>/reactivate", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(ReasonSchema)
@api.response(200, UserSchema)
@acts_on_user("admin.reactivate_user")
def reactivate_user(values: dict[str, Any], user: User) -> User:
    """Reactivate a suspended user."""
    users.reactivate(user, **values, by=me(), seen=seen_of(user))
    return user


@api.post("/users/<int:user_id>/confirm", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.arguments(ConfirmationSchema)
@api.response(200, UserSchema)
@acts_on_user("admin.confirm_user")
def confirm_user(values: dict[str, Any], user: User) -> User:
    """Confirm the email address of a user by hand.

    The password stops working, and a link to choose a new one goes to the address, unless
    `keep_password` is true.
    """
    user_access.confirm(user, **values, by=me())
    return user


@api.post("/users/<int:user_id>/resend-confirmation", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(200, UserSchema)
@acts_on_user("admin.resend_confirmation")
def resend_confirmation(user: User) -> User:
    """Send the confirmation link again."""
    user_access.resend_confirmation(user, by=me())
    return user


@api.post("/users/<int:user_id>/send-reset-link", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(200, UserSchema)
@acts_on_user("admin.send_reset_link")
def send_reset_link(user: User) -> User:
    """Send a user a link to choose a new password."""
    user_access.send_reset_link(user, by=me())
    return user


@api.post("/users/<int:user_id>/require-password-change", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(200, UserSchema)
@acts_on_user("admin.require_password_change")
def require_password_change(user: User) -> User:
    """Have a user choose a new password before they can go on."""
    user_access.require_password_change(user, by=me())
    return user


@api.get("/users/<int:user_id>/sessions", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@whole_list(UserSessionSchema)
def list_user_sessions(user_id: int) -> list[UserSession]:
    """List the browsers in which a user is signed in, the last used first.

    The list has at most twenty.
    """
    found, _count = user_page.open_sessions(user_rows.get(user_id))
    return found


@api.post("/users/<int:user_id>/end-sessions", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(NOTHING)
@acts_on_user("admin.end_user_sessions")
def end_user_sessions(user: User) -> Response:
    """Sign a user out in all browsers."""
    user_access.end_sessions(user, by=me())
    return Response(status=NOTHING)


@api.delete("/users/<int:user_id>/sessions/<int:session_id>", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(NOTHING)
@acts_on_user("admin.end_user_session")
def end_user_session(user: User, session_id: int) -> Response:
    """Sign a user out in one browser.

    A session that is over counts as ended.
    """
    user_access.end_session(user, session_id, by=me())
    return Response(status=NOTHING)
