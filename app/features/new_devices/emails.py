"""The mail about a sign-in from a new device or network."""

from __future__ import annotations

from datetime import datetime

from app.emails.facts import page_links, user_of
from app.kit.database import now
from app.kit.mail.conditions import date
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.kit.web.links import external_url
from app.models import User


def send_new_device(user: User, *, address: str, device: str) -> EmailMessage:
    return add(
        "new_device", user.email, user, address=address, device=device, when=now().isoformat()
    )


@message(
    "We tell you when your account is used from a device or network that is new to it.",
    sample={
        "address": "203.0.113.7",
        "device": "Firefox on Linux",
        "when": "2031-03-09T14:05:00+00:00",
    },
)
def _new_device(row: EmailMessage) -> Values:
    when = datetime.fromisoformat(row.context["when"])
    return {
        "user": user_of(row),
        "address": row.context["address"],
        "device": row.context["device"],
        "when": f"{date(when)} at {when:%H:%M} UTC",
        "devices_link": external_url("account.devices"),
        **page_links(),
    }
