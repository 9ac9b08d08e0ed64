"""Describe events in words, for administrators and for the owner of an account."""

from __future__ import annotations

from typing import Any

from app.kit.audit.actions import ACTIONS, SUBJECTS
from app.kit.audit.recording import COMMAND_LINE
from app.models import User

# Wordings for the owner of the account that differ from those for administrators.
OWN = {
    "session.impersonation_started": "An administrator signed in as you",
    "session.impersonation_ended": "An administrator stopped being signed in as you",
    "session.refused": "Someone tried to sign in and failed",
    "session.throttled": "Too many failed tries to sign in",
    "user.registration_repeated": "Someone tried to register your address",
    "user.reset_asked": "Someone asked for a link to reset your password",
}


def what(action: str) -> str:
    """Return an action in words, or its name if the code no longer knows it."""
    return ACTIONS.get(action, action)


def kind(subject_type: str) -> str:
    """Return the kind of an action's subject, in words."""
    return SUBJECTS.get(subject_type, subject_type.capitalize())


def own_what(action: str) -> str:
    """Return an action in words for the owner of the account."""
    return OWN.get(action, what(action))


def own_who(row: Any, user: User) -> str:
    """Return the actor of an event in words, for the owner of the account.

    Administrators are not named, because users need not know their emails.
    """
    if row.acting_as_id == user.id:
        return "An administrator, as you"
    if row.actor_id == user.id:
        return "You"
    if row.actor_id is not None:
        return "An administrator"
    if row.actor_label == COMMAND_LINE:
        return "An administrator"
    return "Someone who was not signed in" if row.address else "The app itself"
