"""Plug the imported features into an application."""

from collections.abc import Iterable, MutableMapping
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask
from flask.templating import Environment
from jinja2 import FileSystemLoader

from app.kit.features import folders


def plug_in(app: Flask, modules: Iterable[ModuleType]) -> None:
    """Call each module's `init_app`, if it has one, and add the commands of the features."""
    for module in modules:
        if hasattr(module, "init_app"):
            module.init_app(app)
        if module.__name__.endswith(".commands"):
            for command in module.commands:
                app.cli.add_command(command)


class SharedGlobals(Environment):
    """Flask's templates, which all look up the globals of the app in one dictionary.

    Jinja gives each template a ChainMap, in case one has globals of its own. Each import and each
    include copies it: see record 17.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def find_templates(app: Flask) -> None:
    """Load templates from the application's own folder first, then from the features' folders."""
    own = Path(app.root_path) / "templates"
    folders_of_features = (folder / "templates" for folder in folders())
    app.jinja_loader = FileSystemLoader([own, *folders_of_features])
    app.jinja_environment = SharedGlobals
