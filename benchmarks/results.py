"""Compare measurements, and show the results as a table."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A row of the table. A result without a bar is for information only."""

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
    """The medians of two subjects that were measured in turns, and their ratio."""

    first: float
    second: float
    ratio: float


def compare(rounds: int, first: Callable[[], float], second: Callable[[], float]) -> Comparison:
    """Measure two subjects in turns, and return their medians and the median of first / second.

    A temporary load on the machine slows both subjects, so the ratio of a round stays the same.
    """
    pairs = [(first(), second()) for _ in range(rounds)]
    return Comparison(
        first=statistics.median(one for one, _ in pairs),
        second=statistics.median(other for _, other in pairs),
        ratio=statistics.median(one / other for one, other in pairs),
    )


def table(results: Iterable[Result]) -> str:
    """Return the results as a Markdown table with aligned columns."""
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
