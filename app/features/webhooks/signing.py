"""Make the secrets of webhooks, and sign with them (Standard Webhooks 1.0)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook as Signer

from app.features.webhooks.models import SECRETS, Webhook
from app.kit.database import now

SECRET_BYTES = 32
SIZES = range(24, 65)  # of a secret, by the specification


def new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def is_secret(text: str) -> bool:
    """Tell whether a text is a secret of the right form and length."""
    prefix, _, encoded = text.partition("_")
    try:
        return prefix == "whsec" and len(base64.b64decode(encoded, validate=True)) in SIZES
    except ValueError:
        return False


def secrets_of(webhook: Webhook) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises UnreadableSecret."""
    found = [SECRETS.decrypt(webhook.encrypted, webhook.id)]
    if webhook.former_until is not None and now() < webhook.former_until:
        found.append(SECRETS.decrypt(webhook.former_encrypted, webhook.id))
    return found


def headers(message_id: str, at: datetime, body: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the headers of a message, with a signature for each key."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(key).sign(message_id, at, body) for key in keys),
    }
