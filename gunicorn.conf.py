"""Configure gunicorn for production. A flag on its command line overrides this file.

If PORT is set, gunicorn listens on this port of all IP addresses, else on 127.0.0.1:8000.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from runpy import run_path
from typing import Any

from gunicorn import util
from gunicorn.glogging import Logger, SafeAtoms
from gunicorn.http.wsgi import Response
from gunicorn.systemd import sd_notify

from config import ConfigurationError, Reader, environment, load_chosen, log_format

try:
    workers = Reader(environment()).number("WEB_CONCURRENCY", 2, least=1)
    is_json = log_format(Reader(environment())) == "json"
except ConfigurationError as error:
    sys.exit(str(error))

# Files of this folder are run by their path, because an import would load the application into the
# parent process. Workers forked after a reload would then run the old code.
WEB = Path(__file__).parent / "app/kit/web"

# Two threads bridge waits for the database. More threads would only compete for Python's lock.
# Others wait in a line (limit_load).
slow_clients = run_path(f"{WEB}/serving/slow_clients.py")
worker_class = slow_clients["PatientWorker"]
threads = 2


def has_socket_of_systemd() -> bool:
    """Return whether systemd passes a socket, also after gunicorn has removed LISTEN_FDS."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        os.environ["SOCKET_OF_SYSTEMD"] = os.environ["LISTEN_PID"]
    return os.environ.get("SOCKET_OF_SYSTEMD") == str(os.getpid())


# Each worker has its own listening socket. With a shared one, a single worker can get all
# kept-alive connections. Services that restart in turn share systemd's socket
# (docs/deploy-linux.md): a worker that closes its own socket would drop the waiting connections.
reuse_port = not has_socket_of_systemd()
if reuse_port:
    slow_clients["listen_after_loading"]()
# Each worker imports the application itself, so that a reload (SIGHUP) loads new code.
preload_app = False
reload_in_turn = run_path(f"{WEB}/serving/reload_in_turn.py")

timeout = 30
graceful_timeout = 25  # Heroku kills after 30 seconds
keepalive = 5
# Heartbeat files on a real disk can stall a healthy worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108

# ProxyFix alone decides, by TRUSTED_PROXIES, which forwarded headers to trust.
forwarded_allow_ips = ""
control_socket_disable = True

# In JSON, the application logs each request itself (app/kit/web/logs/request_log.py).
accesslog = None if is_json else "-"
errorlog = "-"
# The format has the IP address of the connection and the forwarded IP address. The latter is
# untrusted, so it is quoted, and quotation marks in it are escaped. The last part is the id that
# the lines of the application have.
access_log_format = (
    '%(h)s "%({x-forwarded-for}i)s" %(t)s "%(r)s" %(s)s %(b)s %(M)sms "%(f)s" "%(a)s" '
    "[%({x-request-id}o)s]"
)

log_lines = run_path(f"{WEB}/logs/log_lines.py")
redact, one_line, LineFormatter = (log_lines[n] for n in ("redact", "one_line", "LineFormatter"))
JsonFormatter = run_path(f"{WEB}/logs/json_lines.py")["JsonFormatter"]


class Atoms(SafeAtoms):  # type: ignore[misc]
    """The parts of an access log line. Each part is cleaned when the format reads it."""

    def __init__(self, atoms: Mapping[str, Any]) -> None:
        dict.__init__(self, atoms)

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if not isinstance(value, str):
            return value
        # Backslashes are escaped first, so that those added for quotation marks stay distinct.
        return one_line(redact(value).replace("\\", "\\\\").replace('"', '\\"'))


class CleanLogger(Logger):  # type: ignore[misc]
    """Redacts the tokens of mailed links in both logs, and keeps each record on one line."""

    atoms_wrapper_class = Atoms

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            lines = LineFormatter(self.error_fmt, self.datefmt)
            handler.setFormatter(JsonFormatter(redact) if is_json else lines)

    def access(self, *arguments: Any) -> None:
        """Log a request, unless the application does. Heroku's GUNICORN_CMD_ARGS asks for it."""
        if not is_json:
            super().access(*arguments)


logger_class = CleanLogger


def without_server(response: Response) -> list[str]:
    """Return gunicorn's own headers without Server, which helps attackers."""
    return [h for h in gunicorn_headers(response) if not h.lower().startswith("server:")]


gunicorn_headers = Response.default_headers
Response.default_headers = without_server


def write_problem(sock: Any, status: int, reason: str, _message: str) -> None:
    """Answer a request that cannot be read, whose path is unknown, with problem details (RFC 9457).

    gunicorn would send a page, and programs read none.
    """
    code, detail = reason.lower().replace(" ", "-"), "The server cannot read the request."
    problem = {"type": "about:blank", "title": reason, "status": status, "detail": detail}
    body = json.dumps(problem | {"code": code, "request_id": ""})
    lines = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/problem+json",
        "X-Content-Type-Options: nosniff",
        f"Content-Length: {len(body)}",
    )
    util.write_nonblock(sock, "\r\n".join((*lines, "", body)).encode("latin-1"))


util.write_error = write_problem


# Without this, gunicorn notifies systemd before any worker has loaded the application.
notify_socket = os.environ.pop("NOTIFY_SOCKET", None)


def redact_tokens() -> None:
    """Redact the tokens in the URLs of the application in both logs."""
    # The import is here, because the parent process must not load the application.
    from app.kit.web.logs.log_lines import query_paths, secrets, token_paths

    log_lines["token_paths"].update(token_paths)
    log_lines["query_paths"].update(query_paths)
    log_lines["secrets"].update(secrets)


def post_worker_init(worker: Any) -> None:
    """Redact tokens, limit the load, and notify systemd.

    A restart of the other service waits for this notification.
    """
    redact_tokens()
    limit_load(worker)
    if notify_socket:
        os.environ["NOTIFY_SOCKET"] = notify_socket
        sd_notify("READY=1", worker.log, unset_environment=True)


def limit_load(worker: Any) -> None:
    """Set how many requests and hashes may wait in a process, by the settings."""
    # The imports are here, because the parent process must not load the application.
    from flask import Flask

    from app.kit import passwords
    from app.kit.passwords.hashing_lane import HashingLane
    from app.kit.web.serving import shedding

    settings, app = load_chosen(), worker.app.wsgi()
    worker.turns.line.room = settings.WAITING_REQUESTS
    worker.turns.line.seconds = settings.WAITING_MILLISECONDS / 1000
    worker.patience = settings.WAITING_SECONDS
    passwords.lane = HashingLane(
        slots=settings.HASHING_SLOTS,
        room=settings.WAITING_HASHES,
        seconds=settings.WAITING_SECONDS,
        give_way=worker.turns.give_back,
        come_back=worker.turns.take,
    )
    if isinstance(app, Flask) and "WAITING_REQUESTS" in app.config:
        worker.refuse = shedding.Refusals(app)
        worker.skips_line = shedding.skips_line_in(app)


LEAST_FREE = 8  # threads for monitors and files while all others wait


def on_starting(server: Any) -> None:
    """Exit with one sentence for a wrong configuration, before each worker logs a traceback."""
    reload_in_turn["init_server"](server)
    try:
        settings = load_chosen()
    except ConfigurationError as error:
        sys.exit(str(error))
    free = slow_clients["MOST_CLIENTS"] - server.cfg.threads - settings.most_waiting()
    if free < LEAST_FREE:
        server.log.warning(
            "With %s threads (--threads) and the settings WAITING_REQUESTS, HASHING_SLOTS and "
            "WAITING_HASHES, a busy web process has no thread left for monitors and files.",
            server.cfg.threads,
        )
    processors = os.cpu_count() or 1
    if processors < settings.HASHING_SLOTS:
        server.log.warning(
            "HASHING_SLOTS is %s, and this machine has %s processors: while passwords are hashed, "
            "other pages wait.",
            settings.HASHING_SLOTS,
            processors,
        )
    if settings.DEV_PAGES:
        server.log.warning(
            "Development is served, as FLASK_CONFIG asks for: everyone who reaches this server "
            "can read every mail at /dev/mail."
        )
