"""Who can get an account: everyone, whoever is invited, or whomever an administrator makes one for.

REGISTRATION is one of open, invite-only and closed.
"""

from flask import current_app


class RegistrationClosed(Exception):
    """People cannot make an account of their own here."""


class InvitationsClosed(Exception):
    """Invitations are neither sent nor taken up here."""


def mode() -> str:
    """Return open, invite-only or closed."""
    return str(current_app.config["REGISTRATION"])


def is_open() -> bool:
    return mode() == "open"


def takes_invitations() -> bool:
    return mode() != "closed"


def require_open() -> None:
    """Raise RegistrationClosed unless everyone can make an account."""
    if not is_open():
        raise RegistrationClosed


def require_invitations() -> None:
    """Raise InvitationsClosed when nobody can be invited."""
    if not takes_invitations():
        raise InvitationsClosed
