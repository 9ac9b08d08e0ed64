"""The filters of the event list, as query strings and forms write them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.kit import names
from app.kit.audit.actions import ACTIONS, NOUNS
from app.kit.database import whole_number
from app.kit.tables import days

LONGEST_SEARCH = 200


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

    def to_query(self) -> dict[str, str]:
        """Return the filters as query parameters, without the empty ones."""
        query = {
            "search": self.search,
            "action": self.action,
            "user": "" if self.user_id is None else str(self.user_id),
            "address": self.address,
            "from": self.first.isoformat() if self.first else "",
            "to": self.last.isoformat() if self.last else "",
        }
        return {name: value for name, value in query.items() if value}

    @staticmethod
    def from_query(query: Mapping[str, str]) -> tuple[EventFilters, list[str]]:
        """Read the query parameters that `to_query` wrote.

        Invalid values are ignored, and a notice names each of them.
        """
        notices: list[str] = []
        search = names.normalise(query.get("search", "").replace("\0", ""))
        search = " ".join(search.split())[:LONGEST_SEARCH]
        action = query.get("action", "").strip()
        if action and action not in ACTIONS and action not in NOUNS:
            notices.append(f"“{action[:60]}” is nothing that is noted, so every action is shown.")
            action = ""
        user_id = _user_id(query.get("user", "").strip(), notices)
        address = network_address(query.get("address", ""))
        if address is None:
            notices.append("That is no network address, so all of them are shown.")
        first, last = (_day(query.get(name, "").strip(), notices) for name in ("from", "to"))
        if first and last and first > last:
            notices.append("The first day is after the last, so every day is shown.")
            first = last = None
        return EventFilters(search, action, user_id, address or "", first, last), notices


def network_address(text: str) -> str | None:
    """Return an IP address as events store it, "" for empty text, or None for anything else."""
    text = text.strip()[:64]
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        return None


def _user_id(text: str, notices: list[str]) -> int | None:
    if user_id := whole_number(text):
        return user_id
    if text:
        notices.append("There is no such person, so everybody's actions are shown.")
    return None


def _day(text: str, notices: list[str]) -> date | None:
    day = days.read(text)
    if text and day is None:
        notices.append(f"“{text[:20]}” is not a day, so it does not narrow the list.")
    return day
