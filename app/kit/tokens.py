"""Signed links: a salt per purpose, an expiry, and a fingerprint of the state that use changes."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadData, Signer, URLSafeSerializer

from app.kit.database import now

LONGEST_TOKEN = 2048
WITHHELD = "hidden-in-this-preview"

_withheld: ContextVar[bool] = ContextVar("withheld", default=False)


@dataclass(frozen=True)
class Content:
    """What a token says, its signature and expiry having been checked."""

    user_id: int
    fingerprint: str
    claim: str

    def matches(self, state: str) -> bool:
        """Tell whether `state` is what it was when the token was made."""
        return hmac.compare_digest(self.fingerprint, _fingerprint(state))


def make(purpose: str, user_id: int, state: str, *, expires_in: int, claim: str = "") -> str:
    """Return a token for `purpose` that lasts `expires_in` seconds and until `state` changes.

    The expiry is part of what is signed, so a reader whose clock is behind does not refuse a
    token as coming from the future.
    """
    if _withheld.get():
        return WITHHELD
    expires_at = int(now().timestamp()) + expires_in
    content = [user_id, expires_at, _fingerprint(state), claim]
    return str(_serializer(purpose).dumps(content))


@contextmanager
def withheld() -> Iterator[None]:
    """Have `make` return WITHHELD, which opens nothing, while a mail is made to be looked at."""
    before = _withheld.set(True)
    try:
        yield
    finally:
        _withheld.reset(before)


def read(purpose: str, token: str) -> Content | None:
    """Return what `token` says, or None if it is not ours, has expired or is for something else."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        user_id, expires_at, fingerprint, claim = _serializer(purpose).loads(token)
    except (BadData, UnicodeError):
        return None
    if now().timestamp() >= expires_at:
        return None
    return Content(user_id, fingerprint, claim)


def receipt(state: str) -> str:
    """Return what only this app can have made of `state`, without saying anything of it."""
    return _receipts().get_signature(state.encode()).decode()


def is_receipt(given: str, state: str) -> bool:
    return _receipts().verify_signature(state.encode(), given)


def no_receipt() -> str:
    """Return what looks like a receipt and is none."""
    return receipt(secrets.token_urlsafe())


def _receipts() -> Signer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    return Signer(keys, salt="receipt", digest_method=hashlib.sha256)


def _serializer(purpose: str) -> URLSafeSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(
        keys, salt=f"link:{purpose}", signer_kwargs={"digest_method": hashlib.sha256}
    )


def _fingerprint(state: str) -> str:
    """Return a keyless digest: the token's signature covers it, and the state is never shown."""
    return hashlib.sha256(state.encode()).hexdigest()[:32]
