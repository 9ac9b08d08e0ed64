"""The filters of the event list, as walks read them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import date

from app.kit.audit.actions import ACTIONS, NOUNS


@dataclass(frozen=True)
class EventFilters:
    """The filters of an event list. Days are whole days in UTC, the last one included.

    `action` is a key of ACTIONS, or a key of NOUNS for all actions on that kind of subject.
    `user_id` matches the actor, the impersonated user and the subject of an event.
    """

    search: str = ""
    action: str = ""
    user_id: int | None = None
    address: str = ""
    first: date | None = None
    last: date | None = None

    @property
    def is_empty(self) -> bool:
        return self == EventFilters()

    @property
    def actions(self) -> list[str]:
        """The actions to look for; an empty list means all."""
        if self.action in NOUNS:
            return [action for action in ACTIONS if action.partition(".")[0] == self.action]
        return [self.action] if self.action else []


def network_address(text: str) -> str | None:
    """Return an IP address as events store it, "" for empty text, or None for anything else."""
    text = text.strip()[:64]
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        return None
