"""Write times for the reader of a page, in their time zone and date format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import g, has_request_context
from markupsafe import Markup

from app.kit import slots

MINUTE, HOUR, DAY = 60, 3600, 86400
MONTHS = (
    *("", "January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
NEVER = Markup("never")

# A function of a day and of the length of the month's name writes a date.
FORMATS: Mapping[str, Callable[[date, int | None], str]] = {
    "": lambda on, length: f"{on.day} {MONTHS[on.month][:length]} {on.year}",
    "month_first": lambda on, length: f"{MONTHS[on.month][:length]} {on.day}, {on.year}",
    "iso": lambda on, _length: f"{on.year:04}-{on.month:02}-{on.day:02}",
    "dots": lambda on, _length: f"{on.day}.{on.month}.{on.year}",
    "slashes": lambda on, _length: f"{on.day:02}/{on.month:02}/{on.year}",
}


@dataclass(frozen=True)
class ReaderTimes:
    """The time zone and the date format of a reader."""

    zone: tzinfo = UTC
    date_format: str = ""

    def long(self, on: date) -> str:
        return FORMATS[self.date_format](on, None)

    def short(self, on: date) -> str:
        return FORMATS[self.date_format](on, 3)

    def full(self, moment: datetime) -> str:
        """Return a moment of any zone in words: 28 November 2026 at 14:30 CET."""
        return f"{self.long(moment)} at {moment.hour:02}:{moment.minute:02} {_named(moment)}"

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def distance(self, moment: datetime, present: datetime) -> str:
        """Return how long ago a moment was, or its date if it was long ago."""
        seconds = int((present - moment).total_seconds())
        if seconds < 0 or seconds >= 30 * DAY:
            return self.short(self.local(moment))
        if seconds < MINUTE:
            return "just now"
        if seconds < HOUR:
            return _count(seconds // MINUTE, "minute")
        if seconds < DAY:
            return _count(seconds // HOUR, "hour")
        return _count(seconds // DAY, "day")

    def element(self, moment: datetime, words: str) -> Markup:
        """Return a time, with the full time on hover and for screen readers."""
        # Numbers and names of months and zones need no escaping, and a page shows hundreds.
        moment = moment.astimezone(UTC)
        full = title = self.full(moment if self.zone is UTC else self.local(moment))
        if self.zone is not UTC:
            title = f"{full}, {self.full(moment)}"
        return Markup(  # noqa: S704
            f'<time class="time" datetime="{moment.isoformat(timespec="seconds")}" title="{title}">'
            f'{words}<span class="visually-hidden">, {full}</span></time>'
        )


def readers_times() -> ReaderTimes:
    """Return the zone and the format of the reader, UTC outside of a request."""
    if not has_request_context():
        return ReaderTimes()
    if "readers_times" not in g:
        zone, date_format = slots.times_of_reader()
        known = date_format if date_format in FORMATS else ""
        g.readers_times = ReaderTimes(_zone(zone), known)
    found: ReaderTimes = g.readers_times
    return found


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):  # the machine no longer knows it
        return UTC


def day(moment: date) -> Markup:
    """Return a day in words, and of a moment the full time on hover and for screen readers."""
    times = readers_times()
    if not isinstance(moment, datetime):
        return Markup(times.long(moment))  # noqa: S704 - numbers and the name of a month
    return times.element(moment, times.long(times.local(moment)))


def exact(moment: datetime) -> Markup:
    """Return the date and the time of a moment to the second, as in records."""
    times = readers_times()
    local = times.local(moment)
    return times.element(moment, f"{times.short(local)}, {local:%H:%M:%S} {_named(local)}")


def ago(moment: datetime | None) -> Markup:
    """Return how long ago a moment was, with the full time on hover and for screen readers."""
    return reader_of_times()(moment)


def reader_of_times() -> Callable[[datetime | None], Markup]:
    """Return a version of `ago` for many times on one page, relative to the same moment."""
    present, times = datetime.now(UTC), readers_times()

    def read(moment: datetime | None) -> Markup:
        return NEVER if moment is None else times.element(moment, times.distance(moment, present))

    return read


def due(moment: datetime | None) -> Markup:
    """Return the time until a future moment, as `ago` does for a past one."""
    if moment is None:
        return NEVER
    seconds = (moment - datetime.now(UTC)).total_seconds()
    units = ((DAY, HOUR, "day"), (HOUR, MINUTE, "hour"), (MINUTE, 1, "minute"), (1, 0, "second"))
    for size, smaller, unit in units:
        # Rounding keeps "in 7 days" for a period of seven days, also a moment after it began.
        if seconds + smaller / 2 >= size:
            amount = int(seconds / size + 0.5)
            words = f"in {amount} {unit}{'' if amount == 1 else 's'}"
            return readers_times().element(moment, words)
    return readers_times().element(moment, "now")


def _named(moment: datetime) -> str:
    """Return the name of the zone of a moment, such as CET or UTC+03."""
    zone = moment.tzname() or ""
    return f"UTC{zone}" if zone[:1] in {"+", "-"} else zone


def _count(amount: int, unit: str) -> str:
    return f"{amount} {unit} ago" if amount == 1 else f"{amount} {unit}s ago"
