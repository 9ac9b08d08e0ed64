"""Plug the imported features into an application."""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from flask import Flask
from jinja2 import BaseLoader, FileSystemLoader

from app.kit.features import folders


def plug_in(app: Flask, modules: Iterable[ModuleType]) -> None:
    """Call each module's `init_app`, if it has one, and add the commands of the features."""
    for module in modules:
        if hasattr(module, "init_app"):
            module.init_app(app)
        if module.__name__.endswith(".commands"):
            for command in module.commands:
                app.cli.add_command(command)


def template_loader(app: Flask) -> BaseLoader:
    """Load templates from the application's own folder first, then from the features' folders."""
    own = Path(app.root_path) / "templates"
    return FileSystemLoader([own, *(folder / "templates" for folder in folders())])
