"""What a check has found."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kit.database import now


@dataclass(frozen=True)
class Check:
    """What was looked at: a word if all is well, else what is wrong and what to do.

    One that `waits_for` another could not be made, because that other found something wrong.
    """

    name: str
    word: str = ""
    problem: str = ""
    hint: str = ""
    waits_for: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem and not self.waits_for


def time_since(moment: datetime) -> str:
    """Return how long ago `moment` was, in words."""
    passed = now() - moment
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "hours")):
        if passed >= 2 * unit:
            return f"{passed // unit} {name} ago"
    minutes = passed // timedelta(minutes=1)
    return "a minute ago" if minutes == 1 else f"{minutes} minutes ago"
