"""Measure the list of users with a thousand and a million rows against other admins.

The kit, Django's admin and Flask-Admin show a hundred rows of the same table, on each engine that
is available.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.clients import Browser
from benchmarks.results import Result, at_least, at_most, compare
from benchmarks.seeding import ADMINISTRATOR
from benchmarks.stand import SQLITE, Stand

ROWS = 100
LIST = f"/admin/users?per_page={ROWS}"
GROWTH_BAR = 2.0  # times the duration with few users
LAST_BAR = 1.5  # times the duration of the first page
SEARCH_BAR = 0.010  # seconds


@dataclass(frozen=True)
class Asked:
    """A question to a list, with the URL for each admin. The bars are factors of speed."""

    name: str
    kit: str
    django: str
    flask_admin: str
    bar: float  # against Django's admin with its defaults
    tuned_bar: float = 0  # against the tuned one


def questions(people: int) -> list[Asked]:
    """Return the questions for a list of `people` users."""
    # The local part of a fake email ends with the number of the user, so one email contains this.
    part = f"{people // 2}@example"
    # The last full page, because the kit's last page is always full. Two more users can sign in.
    last = max(1, (people + 2) // ROWS)
    return [
        Asked("first page", LIST, "", "", 5, 3),
        Asked("search, one hit", f"{LIST}&search={part}", f"?q={part}", f"?search={part}", 100, 1),
        Asked("last page", f"{LIST}&last=1", f"?p={last}", f"?page={last - 1}", 10, 10),
    ]


def lists(stand: Stand) -> Iterator[Result]:
    """Time the list of users, with one request after another."""
    for engine in stand.engines():
        yield from _of_engine(stand, engine)


def _of_engine(stand: Stand, engine: str) -> Iterator[Result]:
    few, most = stand.sizes.few_people, stand.sizes.most_people
    small, large = stand.database(few, engine), stand.database(most, engine)
    kit, kit_with_few = (
        stand.browser(stand.kit(base.url), ADMINISTRATOR) for base in (large, small)
    )
    first_page = median_of(stand, kit, LIST)
    # Searching comes first, before an index exists that Django with its defaults would also use.
    pairs = list(zip(questions(most), questions(few), strict=True))
    for asked, asked_of_few in sorted(pairs, key=lambda pair: "search" not in pair[0].name):
        title = f"{engine}, {asked.name}"
        now = median_of(stand, kit, asked.kit)
        before = median_of(stand, kit_with_few, asked_of_few.kit)
        found = compare(stand.sizes.rounds, now, before)
        measure = f"{milliseconds(found.first)} with {most:,} people, "
        measure += f"{milliseconds(found.second)} with {few:,}"
        yield at_most(title, measure, found.ratio, GROWTH_BAR)
        if "search" in asked.name:
            measure = "the same, in all"
            met = found.first < SEARCH_BAR
            yield Result(title, milliseconds(found.first), "", f"< {milliseconds(SEARCH_BAR)}", met)
        if asked.name == "last page":
            found = compare(stand.sizes.rounds, now, first_page)
            measure = f"{milliseconds(found.first)}, the first page {milliseconds(found.second)}"
            yield at_most(title, measure, found.ratio, LAST_BAR)
        if stand.peers():
            yield from _beside_peers(stand, engine, large.url, asked, now)


def _beside_peers(
    stand: Stand, engine: str, url: str, asked: Asked, kit: Callable[[], float]
) -> Iterator[Result]:
    django = django_browser(stand, url)
    flask_admin = stand.browser(stand.flask_admin(url))
    # SQLite has no search index that Django could use.
    tuned_bar = None if engine == SQLITE and "search" in asked.name else asked.tuned_bar
    for peer, browser, path, bar in (
        ("Django admin", django, f"/admin/peers/person/{asked.django}", asked.bar),
        ("Django admin, tuned", django, f"/tuned/peers/person/{asked.django}", tuned_bar),
        ("Flask-Admin", flask_admin, f"/admin/person/{asked.flask_admin}", None),
    ):
        if "tuned" in peer:
            stand.tune_django(url)
        found = compare(stand.sizes.peer_rounds, median_of(stand, browser, path, few=True), kit)
        subject = f"{engine}, {asked.name}: {peer}"
        measure = f"{milliseconds(found.first)}, the kit {milliseconds(found.second)}"
        if bar is None:
            yield Result(subject, measure, f"{found.ratio:.2f}")
        else:
            yield at_least(subject, measure, found.ratio, bar)


def django_browser(stand: Stand, url: str) -> Browser:
    """Return a browser signed in to Django's admin."""
    browser = stand.browser(stand.django(url))
    browser.open("/admin/login/")
    form = {
        "username": "administrator",
        "password": stand.password,
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
    }
    response, _ = browser.open("/admin/login/?next=/admin/", form)
    if response.status != 302:
        raise RuntimeError(f"Django's administrator could not sign in: {response.status}")
    return browser


def median_of(
    stand: Stand, browser: Browser, path: str, *, few: bool = False
) -> Callable[[], float]:
    """Return a function that requests a page several times: at most three times with `few`."""
    requests = min(3, stand.sizes.requests) if few else stand.sizes.requests
    return lambda: statistics.median(browser.seconds(path) for _ in range(requests))


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
