"""Register the menus on the pages of declared tables, and the lists with which they open."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.kit.slots.user_page import ShownPanel
from app.kit.slots.values import Values

MenuLoader = Callable[[Any, Any], Values | None]
StartFinder = Callable[[Any, Any], str]


@dataclass(frozen=True, slots=True)
class TableMenu:
    """A menu beside "View". `load` returns the value of `menu.data` in `template`."""

    template: str
    order: int
    load: MenuLoader


_table_menus: list[TableMenu] = []
_starts: list[StartFinder] = []


def table_menu(template: str, *, order: int = 100) -> Callable[[MenuLoader], MenuLoader]:
    """Add a menu to the pages of all declared tables, for users who are signed in.

    The decorated function takes the shown table and the user. It returns the values of the menu, or
    None to hide it.
    """

    def register(load: MenuLoader) -> MenuLoader:
        _table_menus.append(TableMenu(template, order, load))
        return load

    return register


def shown_table_menus(shown: Any, by: Any) -> list[ShownPanel]:
    """Load the menus on the page of a table, sorted by `order`."""
    menus = sorted(_table_menus, key=lambda one: one.order)
    loaded = ((menu.template, menu.load(shown, by)) for menu in menus)
    return [ShownPanel(template, data) for template, data in loaded if data is not None]


def table_start(find: StartFinder) -> StartFinder:
    """Let a function choose the list that opens when the URL of a table has no parameters.

    The decorated function takes the table and the user. It returns a query string, or "".
    """
    _starts.append(find)
    return find


def start_of_table(table: Any, by: Any) -> str:
    """Return the query string with which the list of a user opens, or ""."""
    return next(filter(None, (find(table, by) for find in _starts)), "")
