"""Encrypt secrets that the database keeps, with keys derived from SECRET_KEY.

Secrets that were encrypted with a key of SECRET_KEY_FALLBACKS can still be read.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app


class UnreadableSecret(Exception):
    """Raised if no key of the settings decrypts a secret, or if another row owns it."""


@dataclass(frozen=True)
class Cipher:
    """Encrypts the secrets of one purpose, by which its keys differ from those of others.

    `owner` is the id of the row with the secret, so that no row can use the secret of another.
    """

    purpose: bytes

    def encrypt(self, secret: str, owner: int) -> str:
        return self._fernets()[0].encrypt(f"{owner}:{secret}".encode()).decode()

    def decrypt(self, encrypted: str, owner: int, *, seconds: int | None = None) -> str:
        """Return a secret. Raises UnreadableSecret, also if it is older than `seconds`."""
        token = encrypted.encode("ascii", "replace")
        try:
            plain = MultiFernet(self._fernets()).decrypt(token, ttl=seconds)
        except InvalidToken:
            raise UnreadableSecret from None
        found, _, secret = plain.decode().partition(":")
        if found != str(owner):
            raise UnreadableSecret
        return secret

    def can_read(self, encrypted: str, owner: int) -> bool:
        try:
            self.decrypt(encrypted, owner)
        except UnreadableSecret:
            return False
        return True

    def is_outdated(self, encrypted: str) -> bool:
        """Tell whether a secret was encrypted with a key of SECRET_KEY_FALLBACKS."""
        try:
            self._fernets()[0].decrypt(encrypted.encode())
        except InvalidToken:
            return True
        return False

    def _fernets(self) -> list[Fernet]:
        config = current_app.config
        keys = (config["SECRET_KEY"], *config["SECRET_KEY_FALLBACKS"])
        return [Fernet(self._derived(key)) for key in keys]

    def _derived(self, key: str) -> bytes:
        """Derive a key for this purpose alone (RFC 5869)."""
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=self.purpose)
        return base64.urlsafe_b64encode(hkdf.derive(key.encode()))
