"""How gunicorn serves the application in production. A flag on its command line wins over this.

Where PORT is set, gunicorn listens on it, on every address; elsewhere on 127.0.0.1:8000.
"""

import os
import re
import sys
from typing import Any
from urllib.parse import quote, unquote

from gunicorn.glogging import Logger
from gunicorn.http.wsgi import Response

from config import ConfigurationError, Reader, environment, load

workers = Reader(environment()).number("WEB_CONCURRENCY", 2, least=1)
# Two threads bridge waits for the database; more of them only fight for Python's lock.
worker_class = "gthread"
threads = 2
# A listening socket a worker: with a shared one, all kept-alive connections can land on one worker.
reuse_port = True
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
# The address of the connection, and what a proxy said about who is behind it.
access_log_format = (
    '%(h)s (%({x-forwarded-for}i)s) %(t)s "%(r)s" %(s)s %(b)s %(M)sms "%(f)s" "%(a)s"'
)

# As app.request_log has it. Importing that here would load the application into the parent process,
# and workers forked after a reload would go on with the old code.
TOKENS = re.compile(
    r"(/account/(?:(?:confirm-account|reset-password|manage/change-email)|join-from-invite/\d+)/)"
    r"[^/?#\s]+"
)


class TokenMaskingLogger(Logger):  # type: ignore[misc]
    """Keeps the tokens of mailed links out of the access log: who reads it could use them."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> Any:
        atoms = super().atoms(resp, req, environ, request_time)
        for key in ("r", "U", "f", "{raw_uri}e", "{referer}i", "{http_referer}e"):
            if key in atoms:
                atoms[key] = masked(str(atoms[key]))
        return atoms


def masked(text: str) -> str:
    """Replace tokens in `text`, also where the path around them is percent-encoded."""
    plain = unquote(text)
    if not TOKENS.search(plain):
        return text
    return quote(TOKENS.sub(r"\1[token]", plain), safe=" /?&=:.[]")


logger_class = TokenMaskingLogger


def without_server(response: Response) -> list[str]:
    """Return gunicorn's own headers but for Server, which tells attackers what to try."""
    return [h for h in gunicorn_headers(response) if not h.lower().startswith("server:")]


gunicorn_headers = Response.default_headers
Response.default_headers = without_server


def on_starting(server: Any) -> None:
    """Stop with the reason in a sentence, before workers would each fail with a traceback."""
    try:
        load()
    except ConfigurationError as error:
        sys.exit(str(error))
