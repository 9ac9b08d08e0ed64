"""Import the modules of features, and plug them into an application.

Importing a module plugs it in: views decorate a shell's blueprint, tasks and messages register
themselves.

A feature may be the base of adapters: `adapters = "api"` in the `feature.toml` of the feature `api`
says that every feature may have a module `api.py` for it. Adapters are imported only if their base
is on, and are removed with it.
"""

from collections.abc import Iterable, MutableMapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask
from flask.templating import Environment
from jinja2 import FileSystemLoader

from app.kit import compiled_templates
from app.kit.features import FOLDER, folders, installed, names, unique_urls

# The modules are imported in this order: a view needs its models, and a task its services.
MODULES = ("models", "emails", "tasks", "slots", "admin", "account", "main", "commands")


def load() -> list[ModuleType]:
    """Import the modules of the features that are on, and return them. Adapters come last."""
    loaded = []
    for name in names():
        loaded.append(import_module(f"app.features.{name}"))
        loaded += [import_module(f"app.features.{name}.{one}") for one in MODULES if has(name, one)]
    for base in names():
        loaded += [import_module(f"app.features.{name}.{one}") for name, one in adapters(base)]
    return loaded


def has(name: str, module: str) -> bool:
    """Tell whether a feature has a module, which may be a package."""
    path = FOLDER / name / module
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def adapters(base: str) -> list[tuple[str, str]]:
    """Return the features that are on and have an adapter for the feature `base`, and its name."""
    module = installed()[base].adapters
    return [(name, module) for name in names() if module and has(name, module)]


def plug_in(app: Flask, modules: Iterable[ModuleType]) -> None:
    """Call each module's `init_app`, if it has one, and add the commands of the features.

    Raises config.ConfigurationError if two views have one URL.
    """
    for module in modules:
        if hasattr(module, "init_app"):
            module.init_app(app)
        if module.__name__.endswith(".commands"):
            for command in module.commands:
                app.cli.add_command(command)
    unique_urls.check(app)


class SharedGlobals(Environment):
    """Flask's templates, which all look up the globals of the app in one dictionary.

    Jinja gives each template a ChainMap, in case one has globals of its own. Each import and each
    include copies it: see record 17.
    """

    code_generator_class = compiled_templates.WithoutResults

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def find_templates(app: Flask) -> None:
    """Load templates from the application's own folder first, then from the features' folders."""
    own = Path(app.root_path) / "templates"
    folders_of_features = (folder / "templates" for folder in folders())
    app.jinja_loader = FileSystemLoader([own, *folders_of_features])
    app.jinja_environment = SharedGlobals
    compiled_templates.init_app(app)
