"""Measure the time that a mail adds to its request, with Redis available and unavailable."""

import itertools
import os
import signal
import statistics
from collections.abc import Iterable, Iterator

from redis import Redis

from app.services.mailed_links import LINKS_AN_HOUR
from benchmarks.results import Result, compare
from benchmarks.stand import Stand

PATH = "/account/reset-password"
ADDED_BAR, FROZEN_BAR = 0.003, 1.1  # seconds


def queueing(stand: Stand) -> Iterator[Result]:
    """Time a form that queues a mail, and the same form after the throttle stops its mails."""
    url = stand.database(stand.sizes.few_people).url
    with_redis, without_redis = stand.kit(url, redis_url=stand.redis()), stand.kit(url)
    yield _compare(stand, with_redis, "A form that queues a mail")
    yield _compare(stand, without_redis, "… while Redis is away")
    yield _while_frozen(stand, url)


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
    added = found.first - found.second
    return Result(
        subject,
        f"{found.first * 1000:.1f} ms, {found.second * 1000:.1f} ms without a mail",
        f"{found.ratio:.2f}",
        bar=f"+ ≤ {ADDED_BAR * 1000:.0f} ms",
        met=added <= ADDED_BAR,
    )


def _while_frozen(stand: Stand, url: str) -> Result:
    """Time the slowest request after Redis has stopped answering."""
    redis_url = stand.redis()
    browser = stand.browser(stand.kit(url, redis_url=redis_url))
    form = {"csrf_token": browser.csrf_token(PATH)}

    def seconds(address: str) -> float:
        return browser.seconds(PATH, {**form, "email": address})

    usual = statistics.median(seconds(f"usual.{n}@example.com") for n in range(5))
    with Redis.from_url(redis_url) as redis:
        pid = redis.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        slowest = max(seconds(f"frozen.{n}@example.com") for n in range(5))
    finally:
        os.kill(pid, signal.SIGCONT)
    return Result(
        "… while Redis is frozen, the slowest",
        f"{slowest:.2f} s, {usual * 1000:.1f} ms before",
        bar=f"+ ≤ {FROZEN_BAR} s",
        met=slowest - usual <= FROZEN_BAR,
    )
