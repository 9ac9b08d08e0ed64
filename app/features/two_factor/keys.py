"""Encrypt the secrets of authenticator apps with a key derived from SECRET_KEY.

Secrets that were encrypted with a key of SECRET_KEY_FALLBACKS can still be read.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

INFO = b"app.features.two_factor: secrets of authenticator apps"


class UnreadableSecret(Exception):
    """Raised if no key of the settings decrypts a secret, or if it is that of another user."""


def encrypt(secret: str, user_id: int) -> str:
    """Encrypt the secret of a user."""
    return _fernets()[0].encrypt(f"{user_id}:{secret}".encode()).decode()


def decrypt(encrypted: str, user_id: int, *, seconds: int | None = None) -> str:
    """Return the secret of a user. Raises UnreadableSecret, also if it is older than `seconds`."""
    try:
        plain = MultiFernet(_fernets()).decrypt(encrypted.encode("ascii", "replace"), ttl=seconds)
    except InvalidToken:
        raise UnreadableSecret from None
    owner, _, secret = plain.decode().partition(":")
    if owner != str(user_id):
        raise UnreadableSecret
    return secret


def is_outdated(encrypted: str) -> bool:
    """Tell whether a secret was encrypted with a key of SECRET_KEY_FALLBACKS."""
    try:
        _fernets()[0].decrypt(encrypted.encode())
    except InvalidToken:
        return True
    return False


def _fernets() -> list[Fernet]:
    config = current_app.config
    return [
        Fernet(_derived(key)) for key in (config["SECRET_KEY"], *config["SECRET_KEY_FALLBACKS"])
    ]


def _derived(key: str) -> bytes:
    """Derive a key for this purpose alone (RFC 5869)."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=INFO).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
