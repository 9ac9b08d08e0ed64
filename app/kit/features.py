"""Find the features and import their modules.

A folder below `app/features` with a `feature.toml` is a feature. Importing its modules plugs them
in: views decorate a shell's blueprint, tasks and messages register themselves.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import config
from settings import manifests

FOLDER = Path(__file__).parents[1] / "features"

# The modules are imported in this order: a view needs its models, and a task its services.
MODULES = ("models", "emails", "tasks", "slots", "admin", "account", "main", "api", "commands")


@cache
def installed() -> dict[str, manifests.Manifest]:
    """Return every feature by name, each after the features that it requires."""
    return manifests.read(FOLDER, off=config.features_off())


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


def load() -> list[ModuleType]:
    """Import the modules of the features that are on, and return them."""
    loaded = []
    for name in names():
        loaded.append(import_module(f"app.features.{name}"))
        for module in MODULES:
            if (FOLDER / name / f"{module}.py").exists():
                loaded.append(import_module(f"app.features.{name}.{module}"))
    return loaded
