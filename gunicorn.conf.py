"""How gunicorn serves the application in production. A flag on its command line wins over this.

Where PORT is set, gunicorn listens on it, on every address; elsewhere on 127.0.0.1:8000.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from runpy import run_path
from typing import Any

from gunicorn.glogging import Logger, SafeAtoms
from gunicorn.http.wsgi import Response
from gunicorn.systemd import sd_notify

from config import ConfigurationError, Reader, environment, load_chosen

try:
    workers = Reader(environment()).number("WEB_CONCURRENCY", 2, least=1)
except ConfigurationError as error:
    sys.exit(str(error))
# Two threads bridge waits for the database; more of them only fight for Python's lock. Run by its
# path: importing it from `app` would load the application into the parent process.
worker_class = run_path(str(Path(__file__).parent / "app/kit/web/slow_clients.py"))["Worker"]
threads = 2


def has_socket_of_systemd() -> bool:
    """Tell whether systemd hands over a socket, also after gunicorn has taken LISTEN_FDS out."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        os.environ["SOCKET_OF_SYSTEMD"] = os.environ["LISTEN_PID"]
    return os.environ.get("SOCKET_OF_SYSTEMD") == str(os.getpid())


# A listening socket a worker: with a shared one, all kept-alive connections can land on one worker.
# systemd's socket is shared by services that restart one after the other (docs/deploy-linux.md):
# a worker that closes one of its own would drop the connections that wait in it.
reuse_port = not has_socket_of_systemd()
# Each worker imports the application itself, so that a reload (SIGHUP) brings in new code.
preload_app = False

timeout = 30
graceful_timeout = 25  # Heroku kills after 30 seconds
keepalive = 5
# Heartbeat files on a real disk can stall a worker that is well.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108

# Only ProxyFix, by TRUSTED_PROXIES, decides which forwarded headers are believed.
forwarded_allow_ips = ""
control_socket_disable = True

accesslog = "-"
errorlog = "-"
# The IP address of the connection, and the one that a proxy gives for the visitor. Anyone can send
# the latter: it stands in quotation marks, and nothing in it ends them.
access_log_format = (
    '%(h)s "%({x-forwarded-for}i)s" %(t)s "%(r)s" %(s)s %(b)s %(M)sms "%(f)s" "%(a)s"'
)

# Run by its path: importing it from `app` would load the application into the parent process, and
# workers forked after a reload would go on with the old code.
log_lines = run_path(str(Path(__file__).parent / "app/kit/web/log_lines.py"))
mask, one_line, LineFormatter = (log_lines[n] for n in ("mask", "one_line", "LineFormatter"))


class Atoms(SafeAtoms):  # type: ignore[misc]
    """The parts of a line of the access log, each cleaned when the format asks for it."""

    def __init__(self, atoms: Mapping[str, Any]) -> None:
        dict.__init__(self, atoms)

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if not isinstance(value, str):
            return value
        # The backslashes first, so that those which are written out here can be told apart.
        return one_line(mask(value).replace("\\", "\\\\").replace('"', '\\"'))


class CleanLogger(Logger):  # type: ignore[misc]
    """Keeps tokens of mailed links out of both logs, and each record on a line of its own."""

    atoms_wrapper_class = Atoms

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(LineFormatter(self.error_fmt, self.datefmt))


logger_class = CleanLogger


def without_server(response: Response) -> list[str]:
    """Return gunicorn's own headers but for Server, which tells attackers what to try."""
    return [h for h in gunicorn_headers(response) if not h.lower().startswith("server:")]


gunicorn_headers = Response.default_headers
Response.default_headers = without_server


# gunicorn would tell systemd that it is ready before any worker has loaded the application.
notify_socket = os.environ.pop("NOTIFY_SOCKET", None)


def post_worker_init(worker: Any) -> None:
    """Redact the tokens in the URLs of the application, and tell systemd that this service answers.

    A restart of the other service waits for that.
    """
    # Only here, as the parent process must not load the application.
    from app.kit.web.log_lines import token_paths

    log_lines["token_paths"].update(token_paths)
    if notify_socket:
        os.environ["NOTIFY_SOCKET"] = notify_socket
        sd_notify("READY=1", worker.log, unset_environment=True)


def on_starting(server: Any) -> None:
    """Stop with the reason in a sentence, before workers would each fail with a traceback."""
    try:
        settings = load_chosen()
    except ConfigurationError as error:
        sys.exit(str(error))
    if settings.DEV_PAGES:
        server.log.warning(
            "Development is served, as FLASK_CONFIG asks for: everyone who reaches this server "
            "can read every mail at /dev/mail."
        )
