"""Register checks of features for the command `doctor`."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A problem in a sentence, and a hint at what to do about it."""

    problem: str
    hint: str


Examine = Callable[[], Finding | None]
_checks: dict[str, Examine] = {}


def doctor_check(name: str) -> Callable[[Examine], Examine]:
    """Let `doctor` call the decorated function, which returns a finding or None.

    It may query the database, whose migrations are done by then.
    """

    def register(examine: Examine) -> Examine:
        _checks[name] = examine
        return examine

    return register


def doctor_checks() -> dict[str, Examine]:
    """Return the checks of features by name."""
    return dict(_checks)
