"""Measure the dashboard with few and with many users, and the time to add many users."""

import statistics
from collections.abc import Callable, Iterator

from benchmarks.clients import Browser
from benchmarks.results import Result, at_most, compare
from benchmarks.seeding import ADMINISTRATOR
from benchmarks.stand import Stand

DASHBOARD = "/admin/"
DASHBOARD_BAR = 2.0


def dashboard(stand: Stand) -> Iterator[Result]:
    """Time the dashboard, with one request after another."""
    sizes = stand.sizes
    few = stand.database(sizes.few_people)
    many = stand.database(sizes.many_people)
    browsers = [stand.browser(stand.kit(base.url), ADMINISTRATOR) for base in (many, few)]
    with_many, with_few = (_median(stand, browser) for browser in browsers)
    found = compare(sizes.rounds, with_many, with_few)
    measure = (
        f"{found.first * 1000:.1f} ms with {many.people:,} people, "
        f"{found.second * 1000:.1f} ms with {few.people:,}"
    )
    yield at_most("/admin", measure, found.ratio, DASHBOARD_BAR)


def adding(stand: Stand) -> Iterator[Result]:
    """Report the time to add the users that other measurements need."""
    database = stand.database(stand.sizes.many_people)
    yield Result("add_fake_data", f"{database.seconds:.1f} s for {database.people:,} people")


def _median(stand: Stand, browser: Browser) -> Callable[[], float]:
    return lambda: statistics.median(
        browser.seconds(DASHBOARD) for _ in range(stand.sizes.requests)
    )
