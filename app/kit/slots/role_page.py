"""Register panels of the page of a role."""

from collections.abc import Callable
from typing import Any

from app.kit.slots.panels import PanelLoader, Panels, ShownPanel

_role_panels = Panels()


def role_panel(template: str, *, order: int = 100) -> Callable[[PanelLoader], PanelLoader]:
    """Add a panel to the pages of roles.

    The decorated function takes a role and an administrator. It returns the values of the panel, or
    None to hide it.
    """
    return _role_panels.add(template, order=order)


def shown_role_panels(role: Any, by: Any) -> list[ShownPanel]:
    """Load the panels that the page of `role` shows to `by`, sorted by `order`."""
    return _role_panels.shown(role, by)
