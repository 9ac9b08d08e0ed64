"""Sign and verify the tokens of links.

Each purpose has its own salt. A token has an expiry, and a fingerprint of the state that its use
changes, so that it works once.
"""

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
    """The content of a token, after the check of its signature and expiry."""

    user_id: int
    fingerprint: str
    claim: str

    def matches(self, state: str) -> bool:
        """Return whether `state` is the same as when the token was made."""
        return hmac.compare_digest(self.fingerprint, _fingerprint(state))


def make(purpose: str, user_id: int, state: str, *, expires_in: int, claim: str = "") -> str:
    """Return a token for `purpose` that is valid for `expires_in` seconds or until `state` changes.

    The token holds its expiry instead of its creation time. So a server whose clock is behind does
    not reject it as coming from the future.
    """
    if _withheld.get():
        return WITHHELD
    expires_at = int(now().timestamp()) + expires_in
    content = [user_id, expires_at, _fingerprint(state), claim]
    return str(_serializer(purpose).dumps(content))


@contextmanager
def withheld() -> Iterator[None]:
    """Make `make` return the invalid token WITHHELD while a mail is rendered for a preview."""
    before = _withheld.set(True)
    try:
        yield
    finally:
        _withheld.reset(before)


def read(purpose: str, token: str) -> Content | None:
    """Return the content of `token`, or None if it is forged, expired or for another purpose."""
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
    """Return a signature of `state` that only this app can make and that does not reveal it."""
    return _receipts().get_signature(state.encode()).decode()


def is_receipt(given: str, state: str) -> bool:
    return _receipts().verify_signature(state.encode(), given)


def no_receipt() -> str:
    """Return an invalid value that looks like a receipt."""
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
