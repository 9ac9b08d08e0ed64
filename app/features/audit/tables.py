"""The table of events, whose pages the walks of this feature read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import escape
from sqlalchemy import true

from app.features.audit.services import finding, words
from app.features.audit.services.filters import EventFilters, network_address
from app.kit import icons
from app.kit.audit.actions import ACTIONS, NOUNS
from app.kit.database import HIGHEST_BIG_INTEGER, whole_number
from app.kit.tables import Choice, Column, Dates, Table, days
from app.kit.tables.asked import Asked
from app.kit.tables.cursors import NotACursor
from app.kit.tables.filters import Filter, Pairs, Reading
from app.kit.tables.page import TablePage
from app.kit.tables.totals import UNKNOWN
from app.kit.web.templating import icon
from app.models import AuditEvent


@dataclass(frozen=True)
class EventPage(TablePage):
    """A page of events. If its search stopped early, `searched_to` is how far it came."""

    searched_to: datetime | None = None


class _User(Filter):
    """Events with a user, which links of other pages set."""

    def read(self, args: Mapping[str, str], model: Any) -> Reading:
        given = args.get(self.key, "").strip()
        if number := whole_number(given):
            return Reading({self.key: str(number)})
        return Reading(notices=[self.not_known(given)] if given else ())


class _Address(Filter):
    """Events from an IP address, which links of other pages set."""

    def read(self, args: Mapping[str, str], model: Any) -> Reading:
        address = network_address(args.get(self.key, ""))
        if address is None:
            return Reading(notices=[self.unknown])
        return Reading({self.key: address} if address else {})


def filters_of(asked: Asked) -> EventFilters:
    """Return the filters, of which the table has checked the values."""
    values = asked.values
    return EventFilters(
        search=asked.search,
        action=values.get("action", ""),
        user_id=int(values["user"]) if "user" in values else None,
        address=values.get("address", ""),
        first=days.read(values.get("from", "")),
        last=days.read(values.get("to", "")),
    )


def find_events(asked: Asked) -> EventPage:
    """Return the page that a URL asks for. Raises NotACursor.

    `before` and `after` are ids: events before an id are older, and stand on the next page.
    """
    page = finding.find(
        filters_of(asked),
        before=_cursor(asked.before),
        after=0 if asked.last else _cursor(asked.after),
        per_page=asked.per_page,
    )
    asked.notices += page.notices
    steps: dict[str, Mapping[str, Any]] = {}
    if page.after:
        steps |= {"first": {}, "prev": {"after": page.after}}
    if page.before:
        steps |= {"next": {"before": page.before}, "last": {"last": 1}}
    return EventPage(page.rows, page.total or UNKNOWN, steps=steps, searched_to=page.searched_to)


def _cursor(given: str) -> int | None:
    number = whole_number(given, HIGHEST_BIG_INTEGER)
    if given and number is None:
        raise NotACursor
    return number


def _actions() -> Iterator[tuple[str, Pairs]]:
    """Yield the kinds of subjects, each with its actions."""
    for noun, label in NOUNS.items():
        pairs = [pair for pair in ACTIONS.items() if pair[0].partition(".")[0] == noun]
        yield label, [(noun, f"{label}: all"), *pairs] if len(pairs) > 1 else pairs


def _words(row: Any) -> str:
    """Return the action in words, with a mark on one that was refused."""
    what = words.what(row.action)
    is_bad = row.action.endswith(("refused", "throttled"))
    return escape(what) + " " + icon("exclamation-triangle-fill", "Refused") if is_bad else what


def _subject(row: Any) -> str:
    """Return the subject of an event that is about another than its actor, or ""."""
    if row.subject_label == row.actor_label:
        return ""
    kind = "" if row.subject_type == "user" else words.kind(row.subject_type)
    return f"{kind} {row.subject_label}".strip() if row.subject_label else ""


icons.use(["exclamation-triangle-fill"])
events = Table(
    AuditEvent,
    title="Audit trail",
    lead="Every sign-in, change and action of an administrator. Events cannot be edited.",
    nouns=("event", "events"),
    endpoint="admin.audit",
    columns=[
        Column(
            "action",
            "Action",
            value=_words,
            main=True,
            link="admin.audit_event",
            sub=_subject,
            sort=[],
        ),
        Column("user", "User", macro="macros/audit_macros.html:actor_cell", classes="audit-who"),
        Column("address", "From", wide=True, nowrap=True, sort=[]),
        Column("at", "When", nowrap=True, align="end", sort=[]),
    ],
    find=find_events,
    search=["actor_label", "subject_label"],
    search_label="Name, email, IP address, request id",
    filters=[
        Choice(
            "action",
            groups=_actions,
            condition=lambda _action: true(),
            unknown="There is no action “{}”. All actions are shown.",
        ),
        Dates("at", "Days", ends=("from", "to")),
        _User(
            "user",
            column=AuditEvent.actor_id,
            unknown="There is no such user. The events of all users are shown.",
        ),
        _Address("address", unknown="That is not an IP address or network. All events are shown."),
    ],
    empty=(
        "clock-history",
        "Nothing has happened yet",
        "Sign-ins, changes and actions of administrators appear here.",
    ),
    no_match=(
        "No event matches",
        "Try a part of a name, the beginning of an email, or fewer filters.",
    ),
)
