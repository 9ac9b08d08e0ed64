"""Days as addresses and forms of lists write them."""

import re
from datetime import date

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read(text: str) -> date | None:
    """Return the day that `text` names as 2026-01-31, or None if it names none."""
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None
