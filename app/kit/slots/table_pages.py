"""Register the menus on the pages of declared tables, and the lists with which they open."""

from collections.abc import Callable
from typing import Any

from app.kit.slots.panels import PanelLoader, Panels, ShownPanel

StartFinder = Callable[[Any, Any], str]

_table_menus = Panels()
_starts: list[StartFinder] = []


def table_menu(template: str, *, order: int = 100) -> Callable[[PanelLoader], PanelLoader]:
    """Add a menu to the pages of all declared tables, for users who are signed in.

    The decorated function takes the shown table and the user. It returns the values of the menu, or
    None to hide it.
    """
    return _table_menus.add(template, order=order)


def shown_table_menus(shown: Any, by: Any) -> list[ShownPanel]:
    """Load the menus on the page of a table, sorted by `order`."""
    return _table_menus.shown(shown, by)


def table_start(find: StartFinder) -> StartFinder:
    """Let a function choose the list that opens when the URL of a table has no parameters.

    The decorated function takes the table and the user. It returns a query string, or "".
    """
    _starts.append(find)
    return find


def start_of_table(table: Any, by: Any) -> str:
    """Return the query string with which a list opens for a user, or ""."""
    return next(filter(None, (find(table, by) for find in _starts)), "")
