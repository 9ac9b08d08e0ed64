"""Ask another server over HTTP, with a limit on the time and on the size of its answer."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Thread
from urllib.parse import urlsplit, urlunsplit


class ServerAway(Exception):
    """A server gave no answer that can be read. The message holds nothing that it sent."""


@dataclass(frozen=True)
class Fetched:
    """The answer of a server."""

    status: int
    body: bytes


class _Request(Thread):
    """A request in a thread of its own: the timeout of a socket covers each packet alone."""

    def __init__(self, url: str, seconds: float, most: int, data: str | None) -> None:
        super().__init__(daemon=True)
        self.url, self.seconds, self.most, self.data = url, seconds, most, data
        self.headers = {"User-Agent": "Flask-Base"}
        self.connection: HTTPConnection | None = None
        self.result: Fetched | ServerAway = ServerAway(f"took longer than {seconds:.3g} s")

    def run(self) -> None:
        try:
            self.result = self._ask()
        except (OSError, HTTPException, ValueError) as error:
            self.result = ServerAway(f"could not be read ({type(error).__name__})")
        finally:
            if self.connection is not None:
                self.connection.close()

    def _ask(self) -> Fetched | ServerAway:
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.connection = kind(parts.netloc, timeout=self.seconds)
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        method = "GET" if self.data is None else "POST"
        self.connection.request(method, path, body=self.data, headers=self.headers)
        response = self.connection.getresponse()  # does not follow redirects
        body = response.read(self.most)
        if response.length or response.read(1):
            return ServerAway("sent too much, or less than it promised")
        return Fetched(response.status, body)

    def abort(self) -> None:
        """End the thread, if it has a connection by now."""
        if self.connection is not None and self.connection.sock is not None:
            with suppress(OSError):
                self.connection.sock.shutdown(socket.SHUT_RDWR)


def fetch(
    url: str,
    *,
    seconds: float,
    most: int,
    data: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """Return the answer to a GET of `url`, or to a POST if there is `data`. Redirects are answers.

    Raises ServerAway if the answer takes longer than `seconds`, from the lookup of the host name to
    its last byte, or has more than `most` bytes.
    """
    request = _Request(url, seconds, most, data)
    request.headers.update(headers or {})
    request.start()
    request.join(seconds)
    if request.is_alive():
        request.abort()
    result = request.result
    if isinstance(result, ServerAway):
        raise result
    return result
