"""The places of pages where the core and the features plug in.

The core's own entries of the menus are in `app/core.toml`, those of a feature in its
`feature.toml`.
"""

from functools import cache
from pathlib import Path

from app.kit import features
from settings import manifests
from settings.manifests import MenuEntry

CORE = Path(__file__).parents[1] / "core.toml"


@cache
def menu(name: str) -> tuple[MenuEntry, ...]:
    """Return the entries of a menu by their `order`, also those that a visitor may not open."""
    menus = [manifests.read_menus(CORE)]
    menus += [manifest.menu for manifest in features.installed().values() if not manifest.off]
    return tuple(sorted((entry for one in menus for entry in one[name]), key=lambda e: e.order))


def icons() -> set[str]:
    """Return the icons of all menus, for the sprite."""
    return {entry.icon for name in manifests.MENUS for entry in menu(name) if entry.icon}
