"""The command line: `python manage.py --help`. Gunicorn serves the same application: `manage:app`.

Most commands live in app/cli. Those here have to work while the application is broken, so it is
imported only when a command asks for it.
"""

import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import FlaskGroup, routes_command, shell_command
from werkzeug.serving import is_running_from_reloader, run_simple

from config import BASE_DIR, ConfigurationError, Reader, environment, load, load_chosen

if TYPE_CHECKING:
    from flask import Flask


def make_app() -> "Flask":
    from app import create_app

    return create_app()


def __getattr__(name: str) -> "Flask":
    """Make `app` when it is asked for, by gunicorn or `flask --app manage`.

    A server gets it only if FLASK_CONFIG says what to serve; a command need not say so.
    """
    if name == "app":
        if click.get_current_context(silent=True) is None:
            load_chosen()
        return make_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# config.py reads .env and decides on debugging; Flask would do both in its own way.
cli = FlaskGroup(
    create_app=make_app,
    load_dotenv=False,
    set_debug_flag=False,
    add_default_commands=False,
    add_version_option=False,
    help="Manage the application. FLASK_CONFIG chooses the configuration.",
)
cli.params.clear()  # --app, --env-file, --debug: settled here and in config.py
cli.add_command(shell_command)
cli.add_command(routes_command)


@cli.command("runserver")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", type=click.IntRange(1, 65535), help="Port; else PORT, else 5000.")
@click.option("--no-reload", is_flag=True, help="Do not restart when the code changes.")
def runserver(host: str, port: int | None, no_reload: bool) -> None:
    """Serve the application while developing it; it restarts when the code changes."""
    if port:  # APP_URL and the names of cookies follow it
        os.environ["PORT"] = str(port)
    settings = load()
    reloads = settings.DEBUG and not no_reload
    if not is_running_from_reloader():
        click.echo(f"Open {settings.APP_URL}; sign in as {settings.ADMIN_EMAIL}. Ctrl-C ends it.")
    run_simple(
        host,
        Reader(environment()).number("PORT", 5000, least=1, most=65535),
        app_or_its_error(reloads=reloads),
        use_reloader=reloads,
        use_debugger=settings.DEBUG,
        threaded=True,
        extra_files=[str(BASE_DIR / ".env")],
    )


def app_or_its_error(*, reloads: bool) -> Any:
    """Return the application or, while it is broken, one that shows why.

    The reloader's parent serves nothing. Its child goes on with a broken application, so that the
    change that mends it is noticed.
    """
    if not reloads:
        return make_app()
    if not is_running_from_reloader():
        return None
    try:
        return make_app()
    except Exception as error:
        traceback.print_exc()
        reason = error

    def broken(*_request: object) -> None:
        raise reason

    return broken


@cli.command("test", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_tests(arguments: tuple[str, ...]) -> None:
    """Run the tests; arguments and exit code are pytest's."""
    raise SystemExit(run_tool("pytest", *arguments))


@cli.command("format")
def format_code() -> None:
    """Format the code, and mend what the linter can mend."""
    raise SystemExit(run_tool("ruff", "format", ".") or run_tool("ruff", "check", "--fix", "."))


def run_tool(*command: str) -> int:
    """Run a Python tool in the project's folder and return its exit code."""
    return subprocess.run([sys.executable, "-m", *command], cwd=BASE_DIR, check=False).returncode


if __name__ == "__main__":
    try:
        cli(prog_name=f"python {Path(__file__).name}")
    except ConfigurationError as error:
        sys.exit(str(error))
