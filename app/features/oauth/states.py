"""The sign-ins that browsers have begun at a provider.

The session cookie holds them for ten minutes, so that another browser cannot answer. The state in
the URL names one of them. Its nonce and its PKCE verifier are made from the secret key when they
are needed, and stored nowhere. Once a state is answered, it is stored, so that it works once.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from flask import current_app
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.oauth.models import UsedState
from app.kit.database import now
from app.kit.web.sign_in.second_steps import LONGEST_URL

BEGUN = "begun_at_provider"  # session key
LIFETIME = timedelta(minutes=10)
MOST = 3  # as many tabs can sign in at once, because the cookie holds 4,096 bytes


class ProviderPurpose(StrEnum):
    """The page that sent the browser to the provider."""

    SIGN_IN = "sign_in"
    LINK = "link"
    FRESH_SIGN_IN = "fresh_sign_in"


class NotBegun(Exception):
    """Raised if this browser has begun no sign-in with this state, or has used it, or is late."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A sign-in that waits for the answer of a provider."""

    state: str
    provider: str
    purpose: str
    at: float
    user_id: int = 0
    session_id: int = 0
    to: str = ""
    remember: bool = False

    @property
    def nonce(self) -> str:
        return _derived("nonce", self.state)

    @property
    def verifier(self) -> str:
        """The code verifier of PKCE (RFC 7636), of 43 characters."""
        return _derived("verifier", self.state)

    @property
    def is_open(self) -> bool:
        return now().timestamp() < self.at + LIFETIME.total_seconds()


def begin(session: MutableMapping[str, Any], **values: Any) -> Begun:
    """Return a new sign-in, and keep it in the session of the browser."""
    values["to"] = values.get("to", "") if len(values.get("to", "")) <= LONGEST_URL else ""
    begun = Begun(state=secrets.token_urlsafe(32), at=now().timestamp(), **values)
    # A long URL leaves no room for others.
    kept = [asdict(one) for one in _open(session) if len(one.to) + len(begun.to) <= LONGEST_URL]
    session[BEGUN] = [*kept[1 - MOST :], asdict(begun)]
    return begun


def take(session: MutableMapping[str, Any], state: str, provider: str) -> Begun:
    """Return the sign-in with this state, and commit that it is used. Raises NotBegun."""
    waiting = _open(session)
    given = state.encode()
    found = next((one for one in waiting if hmac.compare_digest(one.state.encode(), given)), None)
    if found is None or found.provider != provider:
        raise NotBegun
    session[BEGUN] = [asdict(one) for one in waiting if one is not found]
    db.session.add(UsedState(state=state, expires_at=now() + LIFETIME))
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise NotBegun from None
    return found


def _open(session: MutableMapping[str, Any]) -> list[Begun]:
    return [one for one in (Begun(**values) for values in session.get(BEGUN, ())) if one.is_open]


def _derived(name: str, state: str) -> str:
    key = current_app.config["SECRET_KEY"].encode()
    digest = hmac.digest(key, f"sign-in at a provider|{name}|{state}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
