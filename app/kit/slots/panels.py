"""Register parts of a page that load values of their own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.kit.slots.values import Values

PanelLoader = Callable[[Any, Any], Values | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a page. `load` returns the values for `template`, or None to hide the panel."""

    template: str
    order: int
    load: PanelLoader


@dataclass(frozen=True)
class ShownPanel:
    """A panel and its data."""

    template: str
    data: Values


@dataclass(frozen=True)
class Panels:
    """The panels of one place."""

    panels: list[Panel] = field(default_factory=list)

    def add(self, template: str, *, order: int) -> Callable[[PanelLoader], PanelLoader]:
        """Add the panel that the decorated function loads."""

        def register(load: PanelLoader) -> PanelLoader:
            self.panels.append(Panel(template, order, load))
            return load

        return register

    def shown(self, subject: Any, by: Any) -> list[ShownPanel]:
        """Load the panels that `by` sees on the page of `subject`, sorted by `order`."""
        panels = sorted(self.panels, key=lambda one: one.order)
        loaded = ((panel.template, panel.load(subject, by)) for panel in panels)
        return [ShownPanel(template, data) for template, data in loaded if data is not None]
