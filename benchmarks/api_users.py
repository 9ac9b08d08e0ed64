"""Measure the list of users in the API beside Django REST framework, on the same rows."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

from benchmarks.clients import Browser
from benchmarks.results import Result, at_least, at_most, compare
from benchmarks.seeding import ADMINISTRATOR
from benchmarks.stand import Stand
from benchmarks.user_list import GROWTH_BAR, ROWS, median_of, milliseconds

LIST = f"/api/v1/users?limit={ROWS}"
DJANGO = f"/api/users?limit={ROWS}"
LAST = re.compile(r'<[^>]*?(/api/v1/[^>]+)>; rel="last"')
FIRST_BAR, SEARCH_BAR, DEEP_BAR = 5, 50, 10  # times as fast as Django REST framework


def users(stand: Stand) -> Iterator[Result]:
    """Time a page of the list, with one request after another."""
    for engine in stand.engines():
        few, most = stand.sizes.few_people, stand.sizes.most_people
        small, large = stand.database(few, engine), stand.database(most, engine)
        kit, kit_with_few = program(stand, large.url), program(stand, small.url)
        part = quote(f"{most // 2}@example")
        part_of_few = quote(f"{few // 2}@example")
        for name, path, path_of_few, django, bar in (
            ("search, one hit", f"{LIST}&search={part}", f"{LIST}&search={part_of_few}",
             f"{DJANGO}&search={part}", SEARCH_BAR),
            ("first page", LIST, LIST, DJANGO, FIRST_BAR),
            ("deepest page", last_page(kit), last_page(kit_with_few),
             f"{DJANGO}&offset={most - ROWS}", DEEP_BAR),
        ):  # fmt: skip
            title = f"{engine}, API, {name}"
            now = median_of(stand, kit, path)
            found = compare(stand.sizes.rounds, now, median_of(stand, kit_with_few, path_of_few))
            measure = f"{milliseconds(found.first)} with {most:,} people, "
            measure += f"{milliseconds(found.second)} with {few:,}"
            yield at_most(title, measure, found.ratio, GROWTH_BAR)
            if stand.peers():
                beside = stand.browser(stand.django(large.url))
                beside.authorization = f"Token {stand.password}"
                theirs = median_of(stand, beside, django, few=True)
                found = compare(stand.sizes.peer_rounds, theirs, now)
                measure = f"{milliseconds(found.first)}, the kit {milliseconds(found.second)}"
                yield at_least(f"{title}: Django REST framework", measure, found.ratio, bar)


def program(stand: Stand, url: str, email: str = ADMINISTRATOR) -> Browser:
    """Return a client with a token of a user."""
    client = stand.browser(stand.kit(url))
    basic = b64encode(f"{email}:{stand.password}".encode()).decode()
    client.authorization = f"Basic {basic}"
    response, content = client.open("/api/v1/tokens", {})
    if response.status != 201:
        raise RuntimeError(f"{email} got no token: {content.decode()}")
    client.authorization = f"Bearer {json.loads(content)['token']}"
    return client


def last_page(client: Browser) -> str:
    """Return the URL of the last page, or that of the only page."""
    response, _ = client.open(LIST)
    found = LAST.search(response.getheader("Link", ""))
    return found[1] if found else LIST
