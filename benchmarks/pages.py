"""Measure the sign-in page and the home page of a user against equivalent bare pages."""

from collections.abc import Callable, Iterator

from benchmarks.clients import requests_per_second
from benchmarks.results import Comparison, Result, at_least, compare
from benchmarks.seeding import PERSON
from benchmarks.stand import Stand

BAR = 0.6


def login(stand: Stand) -> Iterator[Result]:
    """Compare the sign-in page for a new visitor."""
    url = stand.database(stand.sizes.few_people).url
    kit, bare = stand.kit(url), stand.bare("login_page")
    found = compare_pages(stand, (kit, "/account/login", {}), (bare, "/", {}))
    yield at_least("Login page", f"{_words(found)} Flask + Jinja + WTForms", found.ratio, BAR)


def signed_in_home(stand: Stand) -> Iterator[Result]:
    """Compare the home page of a signed-in user."""
    url = stand.database(stand.sizes.few_people).url
    kit, bare = stand.kit(url), stand.bare("signed_in_page", url)
    here, there = stand.browser(kit, PERSON), stand.browser(bare)
    # The first page after the sign-in stores its CSRF token in the session.
    here.open("/")
    there.open(f"/sign-in/{PERSON}")
    found = compare_pages(
        stand, (kit, "/", here.cookie_header()), (bare, "/", there.cookie_header())
    )
    yield at_least(
        "Signed-in home", f"{_words(found)} Flask + Jinja + Flask-Login", found.ratio, BAR
    )


def compare_pages(
    stand: Stand, kit: tuple[int, str, dict[str, str]], bare: tuple[int, str, dict[str, str]]
) -> Comparison:
    """Compare the requests a second of two pages. Each has a port, a path and headers."""

    def under_load(port: int, path: str, headers: dict[str, str]) -> Callable[[], float]:
        sizes = stand.sizes
        return lambda: requests_per_second(
            port, path, headers, connections=sizes.connections, seconds=sizes.seconds
        )

    return compare(stand.sizes.rounds, under_load(*kit), under_load(*bare))


def _words(found: Comparison) -> str:
    return f"{found.first:,.0f} requests/s, {found.second:,.0f} of bare"
