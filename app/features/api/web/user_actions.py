"""Actions of administrators on a user: loading the user, and early answers, as on the pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from app.admin.user_actions import refuse_early
from app.features.api import user_rows
from app.features.api.schemas import UserSchema
from app.features.api.web.etags import compares, ensure_match
from app.features.api.web.problems import ApiProblem, answers, answers_with, invalid_field
from app.kit import edit_conflicts
from app.kit.passwords import WeakPassword
from app.models import User
from app.services import users
from app.services.own_account import UserGone
from app.services.policy import InsufficientPrivileges, LastAdministrator, NotOnSelf, RoleGone
from app.services.user_access import TooManyMails, WrongState
from app.services.users import EmailTaken

HOUR = "3600"  # seconds after which another mail of the kind may be sent

answers(
    InsufficientPrivileges,
    403,
    "insufficient-privileges",
    "It affects a user or a role with permissions that the token or its owner lacks.",
)
answers(NotOnSelf, 409, "not-on-self", "The owner of the token cannot do this to themselves.")
answers(
    LastAdministrator,
    409,
    "last-administrator",
    "Nobody else could administer the app. Make another user an administrator first.",
)
answers(WrongState, 409, "wrong-state", "The state of the account rules this out.")
answers(UserGone, 409, "user-deleted", "The account is deleted, so it cannot be changed.")
answers(RoleGone, 409, "role-deleted", "The role was deleted meanwhile.")
answers_with(
    TooManyMails,
    lambda _error: ApiProblem(
        429,
        "too-many-mails",
        "Too many of these mails went to the user within an hour.",
        headers={"Retry-After": HOUR},
    ),
)
answers_with(WeakPassword, lambda error: invalid_field("password", str(error)))

answers(EmailTaken, 409, "email-taken", "Another user has this email address, or a deleted one.")


def acts_on_user(page: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Pass the user with the id in the URL to an operation, in place of the id.

    `page` is the endpoint of the same action in the admin. Its conditions hold here too, so that an
    action that the page would not offer is a problem.
    """

    def decorate(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def guarded(*arguments: Any, user_id: int, **values: Any) -> Any:
            user = user_rows.get(user_id)
            refuse_early(user, page)
            ensure_match(UserSchema, user)
            return operation(*arguments, user, **values)

        return compares(guarded)

    return decorate


def seen_of(user: User) -> str | None:
    """Return a snapshot for the service if the request has If-Match, which has to name this state.

    Raises PreconditionFailed.
    """
    is_checked = ensure_match(UserSchema, user)
    return edit_conflicts.snapshot(users.form_values(user)) if is_checked else None
