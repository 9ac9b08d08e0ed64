"""Render each message from its sample, for a user who does not exist."""

from __future__ import annotations

from typing import Any

from app.kit import tokens
from app.kit.mail.registry import MESSAGES, PreviewedEmail, RenderedEmail
from app.kit.mail.rendering import render
from app.models import Role, User


def sample(name: str) -> RenderedEmail:
    """Render the message called `name` from its sample, without database queries.

    The links do not work. Raises KeyError if the sample lacks a value that the message reads.
    """
    traits = {
        "id": 1,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "confirmed": True,
        "password_hash": "x",
        "role": Role(name="User", permissions=1),
    }
    message = MESSAGES[name]
    user = User(**traits | message.sample_user)
    previewed: Any = PreviewedEmail(0, name, user.email, user.id, dict(message.sample), "", user)
    with tokens.withheld():
        return render(previewed)
