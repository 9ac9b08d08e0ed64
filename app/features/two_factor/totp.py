"""Codes of authenticator apps (RFC 6238: SHA-1, six digits, 30 seconds)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import pyotp
import segno
from flask import current_app

from app.features.two_factor.models import SECRETS
from app.kit.database import now
from app.kit.encryption import UnreadableSecret
from app.models import User

DIGITS = 6
SECONDS = 30
TOLERANCE = 1  # steps before and after the present one, for clocks that differ
SEALED_SECONDS = 30 * 60


@dataclass(frozen=True)
class Setup:
    """A secret that is shown to a user, who confirms it with a first code.

    `sealed` is the encrypted secret in the form, so that showing the page stores nothing.
    """

    secret: str
    sealed: str
    uri: str
    size: int
    """The number of modules on each side of the QR code."""
    path: str
    """The dark modules of the QR code as a path of SVG, a square for each."""

    @property
    def groups(self) -> str:
        """The secret in groups of four characters, to type it."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))


def set_up(user: User, sealed: str = "") -> Setup:
    """Return a new secret for `user`, or the one in `sealed` while it is not expired."""
    try:
        secret = opened(user, sealed)
    except UnreadableSecret:
        secret = pyotp.random_base32()
        sealed = SECRETS.encrypt(secret, user.id)
    app_name = current_app.config["APP_NAME"]
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=app_name)
    rows = segno.make(uri, error="m", micro=False).matrix
    dark = [(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark]
    path = "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)
    return Setup(secret, sealed, uri, len(rows), path)


def opened(user: User, sealed: str) -> str:
    """Return the secret in a form. Raises UnreadableSecret if it is forged, foreign or expired."""
    return SECRETS.decrypt(sealed, user.id, seconds=SEALED_SECONDS)


def is_code(text: str) -> bool:
    """Tell whether a text is as long as a code, and so is no recovery code."""
    return len("".join(text.split())) == DIGITS


def step_of(secret: str, code: str) -> int | None:
    """Return the time step of a code that is valid now, or None."""
    totp, present = pyotp.TOTP(secret), int(now().timestamp()) // SECONDS
    given = "".join(code.split()).encode("utf-8", "replace")
    found = None
    for step in range(present - TOLERANCE, present + TOLERANCE + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given):
            found = step
    return found
