"""Make the links of invitations, while the setting REGISTRATION allows them."""

from __future__ import annotations

from flask import current_app

from app.kit.web.links import external_url
from app.models import User
from app.models.user_links import DAY, link_state

LIFETIME, LIFETIME_WORDS = 7 * DAY, "7 days"
# The claim in the token of an invitation if an administrator copied its link.
COPIED = "copied"


def are_open() -> bool:
    """Tell whether invitations are sent and accepted."""
    return str(current_app.config["REGISTRATION"]) != "closed"


@link_state("invite")
def state(user: User, claim: str) -> str:
    bound = f"{user.email}|{user.password_hash}|{user.invite_message_id}"
    if claim != COPIED:
        return bound
    return f"{bound}|{user.role.permissions if user.role else 0}"


def invite_token(user: User, expiration: int = LIFETIME, *, is_copied: bool = False) -> str:
    """Return a token with which an invited user chooses a password.

    The administrator who copies a link knows its token. So with `is_copied`, it expires when the
    permissions of the user's role change: it must not open an account above theirs.
    """
    return user.token("invite", expiration, claim=COPIED if is_copied else "")


def invite_url(user: User, *, is_copied: bool = False) -> str:
    """Return the URL at which an invited user chooses a password."""
    made = invite_token(user, is_copied=is_copied)
    return external_url("account.join_from_invite", user_id=user.id, token=made)
