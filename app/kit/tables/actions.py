"""The actions on one row and on many rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RowAction:
    """An entry in the menu of a row. The endpoint takes the row's id.

    A GET leads to the page of the endpoint, which asks. With `is_posted` the entry is a button that
    acts at once. `is_offered` decides for each row, and the view's permission for the user. The
    page of an `is_optional` entry belongs to a feature that may be off.
    """

    label: str
    endpoint: str
    icon: str = ""
    danger: bool = False
    is_posted: bool = False
    is_offered: Callable[[Any], bool] | None = None
    is_optional: bool = False


class RowRefused(Exception):
    """A bulk action leaves a row out. The message is the reason, in words."""


@dataclass(frozen=True)
class BulkAction:
    """An action on many rows, with a preview and a result.

    `do(row, by=user)` changes a row without a commit: it is the service that the row's own page
    calls. It may raise RowRefused, and other errors stop the batch. `check(row, by=user)` returns
    in words why a row is left out, or "". `event` is recorded when a user confirms the action. The
    page that confirms shows the fields of `form`, and their values are more arguments of `do`. The
    preview of an action that `is_final` says that it cannot be undone.
    """

    name: str
    label: str
    do: Callable[..., None]
    check: Callable[..., str] | None = None
    danger: bool = False
    is_final: bool = False
    event: str = ""
    form: Callable[[], Any] | None = None
