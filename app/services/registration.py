"""Read REGISTRATION, the setting that decides who can get an account.

It is one of open, invite-only and closed. Administrators can create accounts in each mode.
"""

from flask import current_app


class RegistrationClosed(Exception):
    """Raised if visitors cannot register."""


def mode() -> str:
    """Return the mode: open, invite-only or closed."""
    return str(current_app.config["REGISTRATION"])


def is_open() -> bool:
    return mode() == "open"


def require_open() -> None:
    """Raise RegistrationClosed unless everyone can register."""
    if not is_open():
        raise RegistrationClosed
