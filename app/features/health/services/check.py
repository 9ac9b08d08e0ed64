"""The result of a check."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kit.database import now


@dataclass(frozen=True)
class Check:
    """The result of a check: a word if it passed, otherwise a problem and a hint.

    A check that passed may have a note for monitors, which `/readyz` shows in place of "ok".

    A check with `waits_for` was skipped, because the named check failed.
    """

    name: str
    word: str = ""
    problem: str = ""
    hint: str = ""
    waits_for: str = ""
    note: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem and not self.waits_for


def time_since(moment: datetime) -> str:
    """Return the time since `moment` in words."""
    passed = now() - moment
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "hours")):
        if passed >= 2 * unit:
            return f"{passed // unit} {name} ago"
    minutes = passed // timedelta(minutes=1)
    return "a minute ago" if minutes == 1 else f"{minutes} minutes ago"
