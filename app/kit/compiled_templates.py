"""Compile templates once, as Python does with modules, so that no process does it anew.

`manage.py build_assets` writes the code of all templates beside the bytecode of the application.
Other processes only read it, and compile a template that has changed since in memory.
"""

import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import Environment, FileSystemBytecodeCache, TemplateSyntaxError, nodes
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator, Frame

FOLDER = Path(__file__).parents[1] / "__pycache__" / "templates"
ENDINGS = ("html", "txt", "xml")
COMPILER = f"{sys.implementation.cache_tag} {version('jinja2')}"


class WithoutResults(CodeGenerator):
    """Code that calls each filter and each test as a page is rendered.

    Jinja calls those of constants, as in {{ 900|money("EUR") }}, as it compiles. Their code and
    their settings may be others in the process that reads the compiled template.
    """

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: object) -> str:
        called: Any = (nodes.Filter, nodes.Test)
        if isinstance(node, called) or node.find(called):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)  # type: ignore[arg-type]


class CompiledTemplates(FileSystemBytecodeCache):
    """The code of the templates in a folder. Jinja compares a hash of their text."""

    def __init__(self, folder: Path, *, may_write: bool = False) -> None:
        super().__init__(str(folder))
        self.may_write = may_write

    def path(self, bucket: Bucket) -> Path:
        return Path(self._get_cache_filename(bucket))

    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return the code of a template, without regard to where the application is.

        Heroku moves the application once it is built. Mails are compiled without the spaces around
        blocks.
        """
        escape = environment.autoescape
        options = (
            escape(name) if callable(escape) else escape,
            environment.trim_blocks,
            environment.lstrip_blocks,
            sorted(environment.extensions),
        )
        return super().get_bucket(environment, f"{name} {options} {COMPILER}", None, source)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read the code. A file that was cut off counts as none."""
        try:
            super().load_bytecode(bucket)
        except Exception:
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        if self.may_write:
            super().dump_bytecode(bucket)


def init_app(app: Flask) -> None:
    """Let the templates of the app be read as code. Tests keep theirs elsewhere."""
    kept = CompiledTemplates(FOLDER)
    app.jinja_options = {"bytecode_cache": kept, "optimized": False, **app.jinja_options}


def write(pages: Environment, mails: Environment) -> None:
    """Compile all templates anew, and remove the code of templates that are gone.

    Raises TemplateSyntaxError, and OSError if the folder cannot be written.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = CompiledTemplates(FOLDER, may_write=True)
    written = {
        _compile(environment, name, kept)
        for environment in (pages, mails)
        for name in environment.list_templates(filter_func=is_template)
        if name.startswith("emails/") == (environment is mails)
    }
    for path in FOLDER.iterdir():
        with suppress(FileNotFoundError):  # Another build writes at the same time.
            if path in written:
                path.chmod(0o644)  # The user of the web processes may be another. Jinja writes 600.
            else:
                path.unlink()


def _compile(environment: Environment, name: str, kept: CompiledTemplates) -> Path:
    """Write the code of a template, and return its file."""
    assert environment.loader is not None  # noqa: S101 - Flask sets it
    try:
        source, filename, _ = environment.loader.get_source(environment, name)
    except UnicodeDecodeError:
        raise TemplateSyntaxError("This is not UTF-8.", 1, name) from None
    bucket = kept.get_bucket(environment, name, filename, source)
    bucket.code = environment.compile(source, name, filename)
    kept.set_bucket(bucket)
    return kept.path(bucket)


def is_template(name: str) -> bool:
    """Tell templates from what editors and file managers leave beside them."""
    file = name.rpartition("/")[2]
    return not file.startswith(".") and file.rpartition(".")[2] in ENDINGS
