"""Import libraries once, for forks that import the application by themselves."""

import contextlib
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def is_own(module: str) -> bool:
    """Tell whether a module is of this project."""
    return module.partition(".")[0] in _OWN


_OWN = {path.stem for path in ROOT.iterdir()} | {"__main__"}


def imported() -> list[str]:
    """Return the libraries that are imported, in the order of their imports."""
    return [
        name
        for name, module in sys.modules.items()
        if not is_own(name) and getattr(module, "__spec__", None)
    ]


def load(names: list[str]) -> None:
    for name in names:
        # A library can name a module by an alias, or have made one without a file.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
