"""A service of breached passwords on this machine, which can be hostile."""

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


def digest_of(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


class RangeService:
    """A server that answers with `answer`, by default with a range of what `breached` holds."""

    def __init__(self) -> None:
        self.breached: dict[str, int] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        self.answer: Answer = self.send_range
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.requests.append((self.path, dict(self.headers)))
                service.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/range/"

    def send_range(self, request: BaseHTTPRequestHandler) -> None:
        prefix = request.path.rpartition("/")[2]
        digests = {digest_of(password): count for password, count in self.breached.items()}
        lines = [f"{one[5:]}:{count}" for one, count in digests.items() if one[:5] == prefix]
        send(request, "\r\n".join([f"{'0' * 35}:3", *lines, f"{'F' * 35}:0"]).encode())


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
