"""Measure the export of all users as CSV: the time and the memory of the server."""

from collections.abc import Callable, Iterator

from benchmarks.clients import Browser
from benchmarks.memory import growth
from benchmarks.results import Result, at_least, compare
from benchmarks.seeding import ADMINISTRATOR
from benchmarks.stand import Stand
from benchmarks.user_list import django_browser

PATH = "/admin/users/export.csv"
BAR = 2.0  # times as fast as Django
MEMORY_BAR = 20_000_000  # bytes


def everyone(stand: Stand) -> Iterator[Result]:
    for engine in stand.engines():
        yield from _of_engine(stand, engine)


def _of_engine(stand: Stand, engine: str) -> Iterator[Result]:
    people = stand.sizes.most_people
    url = stand.database(people, engine).url
    port = stand.kit(url)
    browser = stand.browser(port, ADMINISTRATOR)
    kit = export(browser, PATH, people)
    # Only the first export counts, because a second one would reuse its memory.
    browser.open("/admin/users")
    with growth(stand.pid(port)) as memory:
        seconds = kit()
    if memory.most is not None:
        yield Result(
            f"{engine}, export: memory of the server",
            f"{memory.most / 1e6:.1f} MB more for {people:,} rows",
            bar=f"< {MEMORY_BAR / 1e6:.0f} MB",
            met=memory.most < MEMORY_BAR,
        )
    subject = f"{engine}, export of {people:,} people"
    if not stand.peers():
        yield Result(subject, f"{seconds:.2f} s")
        return
    django = export(django_browser(stand, url), "/export.csv", people)
    found = compare(stand.sizes.peer_rounds, django, kit)
    measure = f"{found.second:.2f} s, Django with iterator() {found.first:.2f} s"
    yield at_least(subject, measure, found.ratio, BAR)


def export(browser: Browser, path: str, people: int) -> Callable[[], float]:
    """Return a function that downloads a file and returns the seconds."""

    def seconds() -> float:
        taken, lines = browser.download(path)
        if lines < people:
            raise RuntimeError(f"{path} has {lines} lines, not one for each of {people} people")
        return taken

    return seconds
