"""Read REGISTRATION, the setting that decides who can get an account.

It is one of open, invite-only and closed. Administrators can create accounts in each mode.
"""

from flask import current_app


class RegistrationClosed(Exception):
    """Raised if visitors cannot register."""


class InvitationsClosed(Exception):
    """Raised if invitations can be neither sent nor accepted."""


def mode() -> str:
    """Return the mode: open, invite-only or closed."""
    return str(current_app.config["REGISTRATION"])


def is_open() -> bool:
    return mode() == "open"


def takes_invitations() -> bool:
    return mode() != "closed"


def require_open() -> None:
    """Raise RegistrationClosed unless everyone can register."""
    if not is_open():
        raise RegistrationClosed


def require_invitations() -> None:
    """Raise InvitationsClosed if invitations are closed."""
    if not takes_invitations():
        raise InvitationsClosed
