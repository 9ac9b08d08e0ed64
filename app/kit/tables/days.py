"""Parse the days in the URLs and forms of lists."""

import re
from datetime import date

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read(text: str) -> date | None:
    """Parse a day such as 2026-01-31, or return None for any other text."""
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None
