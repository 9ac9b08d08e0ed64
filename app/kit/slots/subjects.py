"""Register the pages of the rows that are subjects of events."""

from collections.abc import Callable
from typing import Any

RowArguments = Callable[[int], dict[str, Any] | None]
_subject_pages: dict[str, tuple[str, RowArguments]] = {}


def subject_page(kind: str, endpoint: str) -> Callable[[RowArguments], RowArguments]:
    """Register the page for rows of a kind, to which events about these rows link.

    `kind` is the name of the model in lower case. The decorated function takes the id of a row. It
    returns the URL arguments of the row's page, or None if the row is deleted.
    """

    def register(arguments: RowArguments) -> RowArguments:
        _subject_pages[kind] = endpoint, arguments
        return arguments

    return register


def subject_page_of(kind: str, row_id: int | None) -> tuple[str, dict[str, Any]] | None:
    """Return the endpoint and the URL arguments of a row's page, or None if it has no page."""
    if kind not in _subject_pages or row_id is None:
        return None
    endpoint, arguments_of = _subject_pages[kind]
    arguments = arguments_of(row_id)
    return None if arguments is None else (endpoint, arguments)
