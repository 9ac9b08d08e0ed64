"""The challenges that passkeys sign.

A challenge is a signed token, so issuing one stores nothing. It holds its purpose, its user and a
binding, which is a secret of the browser's session. Once it is answered, its nonce is stored, so
that no second answer is accepted.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from enum import StrEnum

from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.passkeys.models import UsedChallenge
from app.kit import tokens
from app.kit.database import now

SECONDS = 300  # for which a challenge is valid


class Purpose(StrEnum):
    """The page that asks for a passkey. An answer to one page is worth nothing at another."""

    ADD = "passkey_add"
    SIGN_IN = "passkey_sign_in"
    SECOND_STEP = "passkey_second_step"
    FRESH_SIGN_IN = "passkey_fresh_sign_in"


class NotVerified(Exception):
    """Raised if an answer is for another challenge, session, site or key, or comes too late."""


def new(purpose: Purpose, user_id: int, binding: str) -> bytes:
    """Return a challenge that is valid for SECONDS. `user_id` is 0 if the passkey tells the user.

    It cannot be guessed, because its claim is random.
    """
    nonce = secrets.token_urlsafe(16)
    token = tokens.make(purpose, user_id, binding, expires_in=SECONDS, claim=nonce)
    return token.encode()


def nonce_of(challenge: bytes, purpose: Purpose, user_id: int, binding: str) -> str:
    """Return the nonce of a challenge. Raises NotVerified if it was not issued for this."""
    content = tokens.read(purpose, challenge.decode("ascii", "replace"))
    if content is None or content.user_id != user_id or not (binding and content.matches(binding)):
        raise NotVerified
    return content.claim


def use_up(nonce: str) -> None:
    """Store the nonce of an answered challenge. The caller commits.

    The second of two answers at once waits, and raises NotVerified.
    """
    db.session.add(UsedChallenge(nonce=nonce, expires_at=now() + timedelta(seconds=SECONDS)))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise NotVerified from None
