"""Read the menus from `app/core.toml` and the `feature.toml` of each feature."""

from functools import cache

from app.kit import features
from settings.manifests import MenuEntry


@cache
def menu(name: str) -> tuple[MenuEntry, ...]:
    """Return the entries of a menu, sorted by `order`, including those a visitor may not open."""
    menus = [features.core().menu]
    menus += [manifest.menu for manifest in features.installed().values() if not manifest.off]
    return tuple(sorted((entry for one in menus for entry in one[name]), key=lambda e: e.order))
