"""Users register with a passkey alone, and have no password.

The account gets its passkey with the mailed link, and not before. So a stranger who registers the
email of another person holds nothing with which they could sign in later (pre-hijacking).
"""

from __future__ import annotations

from typing import Any

from app.extensions import db
from app.features.passkeys import services
from app.features.passkeys.places import Place
from app.kit import audit
from app.models import User
from app.services import sessions
from app.services.mailed_links import LinkRefused, find_by_token, lock_by_token


def options(token: str, place: Place, binding: str) -> dict[str, Any]:
    """Return the options with which a browser makes the passkey of an account to confirm.

    Raises LinkRefused.
    """
    user = find_by_token("confirm", token)
    _refuse_password(user)
    return services.options_to_add(user, place, binding)


def confirm(token: str, text: str, *, name: str, place: Place, binding: str) -> User:
    """Confirm the account of a mailed link, and add the passkey whose answer is `text`.

    Raises LinkRefused, Malformed, NotVerified and AlreadyAdded.
    """
    user = lock_by_token("confirm", token)
    _refuse_password(user)
    try:
        user.confirm_account(token)
        sessions.end_all(user)
        changes = {"confirmed": (False, True)}
        audit.record("user.confirmed", by=user, subject=user, changes=changes)
        services.add(user, text, name=name, place=place, binding=binding)
    except Exception:
        db.session.rollback()
        raise
    return user


def _refuse_password(user: User) -> None:
    """Refuse an account with a password, which the link alone does not prove, or an invitation."""
    if user.password_hash is not None or user.invited_at is not None:
        db.session.rollback()
        raise LinkRefused
