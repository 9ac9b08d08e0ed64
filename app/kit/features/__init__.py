"""Find the features: a folder below `app/features` with a `feature.toml` is one."""

from functools import cache
from pathlib import Path

import config
from settings import manifests

FOLDER = Path(__file__).parents[2] / "features"


@cache
def installed() -> dict[str, manifests.Manifest]:
    """Return every feature by name, each after the features that it requires."""
    return manifests.read_once(FOLDER, off=tuple(config.features_off()))


@cache
def core() -> manifests.CoreManifest:
    """Return the core's own menu entries and event names."""
    return manifests.read_core(FOLDER.with_name("core.toml"))


def names() -> list[str]:
    """Return the names of the features that are on."""
    return [name for name, manifest in installed().items() if not manifest.off]


def folders() -> list[Path]:
    """Return the folders of the features that are on."""
    return [FOLDER / name for name in names()]
