"""What a mail adds to the request that causes it, with Redis there and with Redis away."""

import itertools
import statistics
from collections.abc import Iterable, Iterator

from app.services.accounts import LINKS_AN_HOUR
from benchmarks.results import Result, compare
from benchmarks.stand import Stand

PATH = "/account/reset-password"


def queueing(stand: Stand) -> Iterator[Result]:
    """Time one form that queues a mail, and the same one when enough mails have been written."""
    url = stand.database(stand.sizes.few_people).url
    with_redis, without_redis = stand.kit(url, redis_url=stand.redis()), stand.kit(url)
    yield _compare(stand, with_redis, "A form that queues a mail")
    yield _compare(stand, without_redis, "… while Redis is away")


def _compare(stand: Stand, port: int, subject: str) -> Result:
    browser = stand.browser(port)
    token = browser.csrf_token(PATH)

    def seconds(addresses: Iterable[str]) -> float:
        forms = ({"email": address, "csrf_token": token} for address in addresses)
        return statistics.median(browser.seconds(PATH, form) for form in forms)

    requests = stand.sizes.requests
    numbers = itertools.count()
    throttled = f"{port}@example.com"
    seconds([throttled] * LINKS_AN_HOUR)
    found = compare(
        stand.sizes.rounds,
        lambda: seconds(f"{port}.{next(numbers)}@example.com" for _ in range(requests)),
        lambda: seconds([throttled] * requests),
    )
    measure = f"{found.first * 1000:.1f} ms, {found.second * 1000:.1f} ms without a mail"
    return Result(subject, measure, f"{found.ratio:.2f}")
