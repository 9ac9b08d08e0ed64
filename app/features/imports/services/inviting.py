"""Find out whether imports may invite users, which an optional feature provides."""

from app.services.user_changes import BY_NAME, UserChange


def invitation() -> UserChange | None:
    """Return the change that invites a user, or None if no feature provides it."""
    return BY_NAME.get("invite")


def is_open() -> bool:
    """Tell whether an import may invite users at present."""
    change = invitation()
    return change is not None and change.is_open()
