"""Register the function that knows the time zone and the date format of the reader of a page."""

from collections.abc import Callable

ReaderTimesFinder = Callable[[], tuple[str, str] | None]
_finders: list[ReaderTimesFinder] = []


def reader_times(find: ReaderTimesFinder) -> ReaderTimesFinder:
    """Let a function choose how the times of a page are written.

    The decorated function returns a time zone such as Europe/Berlin and a key of
    `app.kit.web.times.FORMATS`, or None for UTC. It is called once for a page.
    """
    _finders.append(find)
    return find


def times_of_reader() -> tuple[str, str]:
    """Return the time zone and the date format of the reader, both "" unless they are known."""
    return next(filter(None, (find() for find in _finders)), ("", ""))
