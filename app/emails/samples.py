"""Each message with its sample, for a user who does not exist."""

from __future__ import annotations

from typing import Any

from app.kit import tokens
from app.kit.mail.registry import MESSAGES, Copy, RenderedEmail
from app.kit.mail.rendering import render
from app.models import Role, User


def sample(name: str) -> RenderedEmail:
    """Make the mail called `name` of its sample. The database is asked nothing.

    Its links open nothing. Raises KeyError if the sample lacks what the message reads.
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
    copy: Any = Copy(0, name, user.email, user.id, dict(message.sample), "", user)
    with tokens.withheld():
        return render(copy)
