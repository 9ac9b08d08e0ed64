"""Compile templates once, as Python does with modules, so that no process does it anew.

`manage.py build_assets` writes the code of all templates beside the bytecode of the application.
Other processes only read it, and compile a template that has changed since in memory.
"""

from pathlib import Path

from flask import Flask
from jinja2 import Environment, FileSystemBytecodeCache
from jinja2.bccache import Bucket

FOLDER = Path(__file__).parents[1] / "__pycache__" / "templates"


class CompiledTemplates(FileSystemBytecodeCache):
    """The code of the templates in a folder. Jinja compares a hash of their text."""

    def __init__(self, folder: Path, *, may_write: bool = False) -> None:
        super().__init__(str(folder))
        self.may_write = may_write

    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return the code of a template, without regard to where the application is.

        Heroku moves the application once it is built. Mails are compiled without the spaces around
        blocks.
        """
        key = f"{name} {environment.trim_blocks} {environment.lstrip_blocks}"
        return super().get_bucket(environment, key, None, source)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if self.may_write:
            super().dump_bytecode(bucket)


def init_app(app: Flask) -> None:
    """Let the templates of the app be read as code. Tests keep theirs elsewhere."""
    app.jinja_options = {"bytecode_cache": CompiledTemplates(FOLDER), **app.jinja_options}


def write(pages: Environment, mails: Environment) -> None:
    """Compile the templates that have no code yet, or that have changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = CompiledTemplates(FOLDER, may_write=True)
    for environment in (pages, mails):
        writing = environment.overlay(bytecode_cache=kept)
        assert writing.loader is not None  # noqa: S101 - Flask sets it
        for name in writing.list_templates():
            if name.startswith("emails/") == (environment is mails):
                # The toolbar replaces `get_template`, also that of an overlay.
                writing.loader.load(writing, name)
    for path in FOLDER.iterdir():
        path.chmod(0o644)  # The user of the web processes may be another. Jinja writes 600.
