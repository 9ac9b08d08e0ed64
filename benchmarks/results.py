"""Results, and the table in which they are shown."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One line of the table. Without a bar it is there to be known, not to be met."""

    subject: str
    measure: str
    ratio: str = ""
    bar: str = ""
    met: bool | None = None


def at_least(subject: str, measure: str, ratio: float, bar: float) -> Result:
    return Result(subject, measure, f"{ratio:.2f}", f"≥ {bar:g}", ratio >= bar)


def at_most(subject: str, measure: str, ratio: float, bar: float) -> Result:
    return Result(subject, measure, f"{ratio:.2f}", f"≤ {bar:g}", ratio <= bar)


@dataclass(frozen=True)
class Comparison:
    """Two subjects measured in turns."""

    first: float
    second: float
    ratio: float


def compare(rounds: int, first: Callable[[], float], second: Callable[[], float]) -> Comparison:
    """Measure two subjects in turns and return their medians and the median of first / second.

    A machine that is busy for a while then slows both, and a round's ratio stays what it is.
    """
    pairs = [(first(), second()) for _ in range(rounds)]
    return Comparison(
        first=statistics.median(one for one, _ in pairs),
        second=statistics.median(other for _, other in pairs),
        ratio=statistics.median(one / other for one, other in pairs),
    )


def table(results: Iterable[Result]) -> str:
    """Return the results as a table in Markdown, in columns that can be read as they are."""
    words = {True: "yes", False: "NO", None: ""}
    lines = [("Subject", "Measured", "Ratio", "Bar", "Met")]
    lines += [(r.subject, r.measure, r.ratio, r.bar, words[r.met]) for r in results]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(rows)
