"""Load and render the templates of mails."""

from __future__ import annotations

from flask import current_app
from jinja2 import Environment, StrictUndefined

from app.kit.compiled_templates import is_template
from app.kit.mail.registry import Values


def load_templates() -> None:
    """Compile all mail templates now, so that a worker's child processes need not."""
    templates = environment()
    for name in templates.list_templates(filter_func=is_template):
        if name.startswith("emails/"):
            templates.get_template(name)


def one_line(text: str) -> str:
    """Return `text` without line breaks and control characters, which no header may contain."""
    printable = "".join(
        " " if character < " " or character == "\x7f" else character for character in text
    )
    return " ".join(printable.split())


def show(template: str, values: Values) -> str:
    return environment().get_template(template).render(values)


def environment() -> Environment:
    """Return the app's Jinja environment, in which a missing variable is an error."""
    extensions = current_app.extensions
    if "email_templates" not in extensions:
        extensions["email_templates"] = current_app.jinja_env.overlay(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
    environment: Environment = extensions["email_templates"]
    return environment
