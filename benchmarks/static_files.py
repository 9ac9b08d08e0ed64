"""Measure the precompressed stylesheet against the same file compressed on the fly."""

from collections.abc import Callable, Iterator

from app.kit.assets import asset_url
from benchmarks.clients import requests_per_second
from benchmarks.results import Result, at_least, compare
from benchmarks.stand import Stand

BAR = 10
ENCODING = "br"


def stylesheet(stand: Stand) -> Iterator[Result]:
    """Compare WhiteNoise with Flask's static files and Flask-Compress."""
    sizes = stand.sizes
    url = stand.database(sizes.few_people).url
    with stand.app(url).app_context():
        path = asset_url("app_css")

    def under_load(port: int) -> Callable[[], float]:
        return lambda: requests_per_second(
            port,
            path,
            {"Accept-Encoding": ENCODING},
            connections=sizes.connections,
            seconds=sizes.seconds,
        )

    kit, bare = stand.kit(url), stand.bare("static_files")
    here, there = (len(_fetch(stand, port, path)) for port in (kit, bare))
    found = compare(sizes.rounds, under_load(kit), under_load(bare))
    yield at_least(
        "Stylesheet",
        f"{found.first:,.0f} requests/s of {here:,} bytes, "
        f"{found.second:,.0f} of {there:,} by Flask-Compress",
        found.ratio,
        BAR,
    )


def _fetch(stand: Stand, port: int, path: str) -> bytes:
    response, content = stand.browser(port, encoding=ENCODING).open(path)
    if response.getheader("Content-Encoding") != ENCODING:
        raise RuntimeError(f"{path} came without being compressed")
    return content
