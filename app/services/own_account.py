"""Ensure that users act on their own account themselves, and that it still exists."""

from sqlalchemy.exc import InvalidRequestError

from app.extensions import db
from app.models import User


class NotWhileImpersonating(Exception):
    """Raised if an action is not available during an impersonation."""


class UserGone(Exception):
    """Raised if another request deleted the user meanwhile."""


def ensure_not_impersonating(by: User | None) -> None:
    """Raise NotWhileImpersonating if `by` is impersonated.

    Call this before actions that ask for a password or change how a user signs in.
    """
    if by is not None and by.impersonator is not None:
        raise NotWhileImpersonating


def lock_account(user: User, otherwise: type[Exception] = UserGone, *, read: bool = False) -> None:
    """Lock `user` until the end of the transaction, and refresh them.

    Raises `otherwise` if the user is gone. A lock to `read` is shared with other transactions.
    app.services.policy has the lock for actions on other users.
    """
    try:
        db.session.refresh(user, with_for_update={"of": User, "read": read})
    except InvalidRequestError:
        db.session.rollback()
        raise otherwise from None
