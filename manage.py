"""Run the command line, as `python manage.py --help`, and provide `manage:app` for gunicorn.

Most commands live in app/cli. The commands here must work while the application or its
configuration is broken, so they import both only when they need them.
"""

import gc
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import click
except ModuleNotFoundError:
    sys.exit("The packages are missing. Run `make setup`, then `. .venv/bin/activate`.")
from flask import current_app
from flask.cli import FlaskGroup, routes_command, shell_command, with_appcontext
from werkzeug.serving import is_running_from_reloader, make_server, run_simple

import dev_server
from reloading import ROOT, keep_running

if TYPE_CHECKING:
    from flask import Flask


def make_app() -> "Flask":
    """Create the application, with the garbage collector off while its modules are imported.

    Repeated collections take a fifth of the start time. The modules stay until the process ends,
    so they are frozen and later collections skip them.
    """
    gc.disable()
    try:
        from app import create_app

        return create_app()
    finally:
        gc.freeze()
        # A list of 100 rows has over a thousand objects at once, and reference counts free them.
        # With the default of 700, two collections look at them first, which takes 0.3 ms a page.
        gc.set_threshold(10_000)
        gc.enable()


def __getattr__(name: str) -> "Flask":
    """Create `app` on first access, by gunicorn or `flask --app manage`.

    A server requires FLASK_CONFIG to be set. A command does not.
    """
    if name == "app":
        if click.get_current_context(silent=True) is None:
            from config import load_chosen

            load_chosen()
        return make_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


ANY = {"ignore_unknown_options": True}  # for commands that pass their arguments on


def show_version(context: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:
    """Print the version of the product and the release of the kit."""
    if is_asked:
        from settings import kit_record

        click.echo(kit_record.read().sentence().capitalize())
        context.exit()


# config.py reads .env and sets the debug mode, so Flask must do neither.
cli = FlaskGroup(
    create_app=make_app,
    load_dotenv=False,
    set_debug_flag=False,
    add_default_commands=False,
    add_version_option=False,
    help="Manage the application. FLASK_CONFIG chooses the configuration.",
)
cli.params.clear()  # this module and config.py replace --app, --env-file and --debug
cli.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show_version,
        help="Show the version.",
    )
)
cli.add_command(routes_command)


@cli.command("shell")
@click.pass_context
@with_appcontext
def shell(context: click.Context) -> None:
    """Open a Python shell with app, db and every model; IPython's, if it is installed."""
    from app.kit.database import reading_only  # `make_app` has imported it by now

    # A transaction stays open between two lines, and must not hold the write lock of SQLite.
    reading_only.set(True)
    if importlib.util.find_spec("IPython") is None:
        context.invoke(shell_command)
        return
    ipython: Any = importlib.import_module("IPython")
    ipython.start_ipython(argv=[], user_ns=current_app.make_shell_context())


@cli.command("runserver", with_appcontext=False)
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", type=click.IntRange(1, 65535), help="Port; else PORT, else 5000.")
@click.option("--no-reload", is_flag=True, help="Do not restart when the code changes.")
@click.option("--cert", default="", help="Serve HTTPS with this certificate, or adhoc.")
@click.option("--key", default="", help="The key of the certificate, unless its file has both.")
@click.option(
    "--profile",
    is_flag=False,
    flag_value=dev_server.STDERR,
    help="Profile each request on stderr, or with --profile=FOLDER in a file.",
)
def runserver(
    *, host: str, port: int | None, no_reload: bool, cert: str, key: str, profile: str | None
) -> None:
    """Serve the application while developing it; it restarts when the code changes."""
    if port:  # APP_URL and the names of cookies depend on the port
        os.environ["PORT"] = str(port)

    def serve(app: Any, port: int, files: tuple[str, str] | None, *, is_debug: bool) -> None:
        shown = dev_server.profiled(app, profile) if profile else app
        run_simple(
            *(host, port, shown),
            use_debugger=is_debug,
            threaded=not profile,  # Python profiles one request at a time
            ssl_context=files,
        )

    if is_running_from_reloader():
        chosen = os.environ.get("HTTPS_FILES", "").split("\n")
        files = (chosen[0], chosen[1]) if len(chosen) == 2 else None
        serve(app_or_its_error(), port or 0, files, is_debug=True)
        return
    from config import Reader, environment, load  # The browser shows an error in config.py.

    read = Reader(environment())
    port = read.number("PORT", 5000, least=1, most=65535)
    if cert and not read.text("APP_URL"):
        os.environ["APP_URL"] = f"https://localhost:{port}"
    settings = load()
    files = dev_server.certificate(cert, key, settings.INSTANCE_PATH / "https")
    if not files and read.text("SSL_DISABLE") and not settings.SSL_DISABLE:
        click.echo("SSL_DISABLE is False, but this is HTTP. `--cert adhoc` serves HTTPS.")
    click.echo(f"Open {settings.APP_URL}; sign in as {settings.ADMIN_EMAIL}. Ctrl-C ends it.")
    if settings.DEBUG and not no_reload:
        os.environ["HTTPS_FILES"] = "\n".join(files or ())
        serve_anew(host, port)
    else:
        serve(make_app(), port, files, is_debug=settings.DEBUG)


def serve_anew(host: str, port: int) -> None:
    """Run this command in a child process that is replaced whenever the code changes.

    The socket stays open here, so browsers wait while the next process starts. Werkzeug's own
    reloader ends when the process fails, and misses restored files.
    """
    stopping = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopping.set())
    listener = make_server(host, port, lambda *_: ())  # it listens, but never accepts
    listener.socket.set_inheritable(True)
    told = {"WERKZEUG_RUN_MAIN": "true", "WERKZEUG_SERVER_FD": str(listener.fileno())}

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, *sys.orig_argv[1:]]
        return subprocess.Popen(command, env={**os.environ, **told}, pass_fds=[listener.fileno()])

    def end(child: subprocess.Popen[bytes]) -> None:
        child.kill()  # Running requests belong to the developer and may be lost.
        child.wait()

    keep_running("server", start, end, stopping.is_set)


def app_or_its_error() -> Any:
    """Return the application or, if it is broken, one that shows the error in the browser."""
    try:
        return make_app()
    except Exception as error:
        traceback.print_exc()
        reason = error

    def broken(*_request: object) -> None:
        raise reason

    return broken


@cli.command("test", with_appcontext=False, context_settings=ANY)
@click.option("--coverage", is_flag=True, help="Also say which lines no test runs.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_tests(arguments: tuple[str, ...], coverage: bool) -> None:
    """Run the tests; arguments and exit code are pytest's."""
    wanted = ("--cov", "--cov-report=term", "--cov-report=html") if coverage else ()
    raise SystemExit(run_tool("pytest", *wanted, *arguments))


@cli.command("format", with_appcontext=False)
def format_code() -> None:
    """Format the code, and fix lint errors where ruff can."""
    raise SystemExit(run_tool("ruff", "format", ".") or run_tool("ruff", "check", "--fix", "."))


@cli.command("upgrade", with_appcontext=False, add_help_option=False, context_settings=ANY)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def upgrade(arguments: tuple[str, ...]) -> None:
    """Merge a release of the kit into this copy, or undo that; --help says more."""
    from upgrading.command import upgrade as command

    command.main([*arguments], prog_name="python manage.py upgrade")


def run_tool(*command: str) -> int:
    """Run a Python tool in the project's folder, and return its exit code."""
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    try:
        cli(prog_name=f"python {Path(__file__).name}")
    except Exception as error:
        # The class is compared by name, because config.py itself may be broken.
        if "ConfigurationError" not in {one.__name__ for one in type(error).__mro__}:
            raise
        sys.exit(str(error))
