"""The administrators' pages with few people and with many, and how long adding many takes."""

import statistics
from collections.abc import Callable, Iterator

from benchmarks.clients import Browser
from benchmarks.results import Result, at_most, compare
from benchmarks.stand import ADMINISTRATOR, Stand

LIST = "/admin/users"
LIST_BAR = 1.5
DASHBOARD_BAR = 2.0
# What the list can be asked for; these have no bar.
ASKED = {
    "sorted by name": "?sort=name",
    "sorted by role": "?sort=role",
    "page 15": "?page=15",
    "of one role": "?role=1",
    "searched, one match": "?search={}",
    "searched, many matches": "?search=mar",
}


def lists(stand: Stand) -> Iterator[Result]:
    """Time the list of users and the dashboard, asked for one after another."""
    sizes = stand.sizes
    few = stand.database(sizes.few_people)
    many = stand.database(sizes.many_people)
    browsers = [stand.browser(stand.kit(base.url), ADMINISTRATOR) for base in (many, few)]

    def found(subject: str, path: str, bar: float | None) -> Result:
        many_seconds, few_seconds = (_median_of(stand, browser, path) for browser in browsers)
        comparison = compare(sizes.rounds, many_seconds, few_seconds)
        measure = (
            f"{comparison.first * 1000:.1f} ms with {many.people:,} people, "
            f"{comparison.second * 1000:.1f} ms with {few.people:,}"
        )
        if bar is None:
            return Result(subject, measure, f"{comparison.ratio:.2f}")
        return at_most(subject, measure, comparison.ratio, bar)

    yield found(LIST, LIST, LIST_BAR)
    yield found("/admin", "/admin/", DASHBOARD_BAR)
    one_match = f"{few.people // 2}@example"
    for name, query in ASKED.items():
        yield found(f"{LIST}, {name}", LIST + query.format(one_match), None)


def adding(stand: Stand) -> Iterator[Result]:
    """Say how long it took to add the people that other measurements need."""
    database = stand.database(stand.sizes.many_people)
    yield Result("add_fake_data", f"{database.seconds:.1f} s for {database.people:,} people")


def _median_of(stand: Stand, browser: Browser, path: str) -> Callable[[], float]:
    return lambda: statistics.median(browser.seconds(path) for _ in range(stand.sizes.requests))
