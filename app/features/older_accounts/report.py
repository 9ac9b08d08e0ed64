"""Collect what becomes of the old rows. Nothing is left out without a sentence about it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from app.kit.web.logs.log_lines import one_line


@dataclass
class TakeOverReport:
    """Counts of rows, and the new ids of old rows. `tell` prints a sentence at once."""

    echo: Callable[[str], None]
    is_trial: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    ids: list[tuple[str, int, int]] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Print a sentence. Old values may contain line breaks and escape sequences."""
        self.counts["notes"] += 1
        self.echo(one_line(text))
