"""The pages of the rows that events are about."""

from collections.abc import Callable
from typing import Any

RowArguments = Callable[[int], dict[str, Any] | None]
_subject_pages: dict[str, tuple[str, RowArguments]] = {}


def subject_page(kind: str, endpoint: str) -> Callable[[RowArguments], RowArguments]:
    """Register the page of rows of a kind, to which the event about such a row leads.

    `kind` is the name of the model in lower case. The function returns the arguments of the page of
    the row with an id, or None if the row is gone.
    """

    def register(arguments: RowArguments) -> RowArguments:
        _subject_pages[kind] = endpoint, arguments
        return arguments

    return register


def subject_page_of(kind: str, row_id: int | None) -> tuple[str, dict[str, Any]] | None:
    """Return the endpoint and the arguments of the page of a row, or None if it has none."""
    if kind not in _subject_pages or row_id is None:
        return None
    endpoint, arguments_of = _subject_pages[kind]
    arguments = arguments_of(row_id)
    return None if arguments is None else (endpoint, arguments)
