"""Menus, from `app/core.toml` and the `feature.toml` of features."""

from functools import cache

from app.kit import features
from settings.manifests import MenuEntry


@cache
def menu(name: str) -> tuple[MenuEntry, ...]:
    """Return the entries of a menu by their `order`, also those that a visitor may not open."""
    menus = [features.core().menu]
    menus += [manifest.menu for manifest in features.installed().values() if not manifest.off]
    return tuple(sorted((entry for one in menus for entry in one[name]), key=lambda e: e.order))
