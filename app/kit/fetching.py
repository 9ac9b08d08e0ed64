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
        self.socket: socket.socket | None = None
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
        # The connection forgets it if the server says that it will close, but the answer reads on.
        self.socket = self.connection.sock
        response = self.connection.getresponse()  # does not follow redirects
        body = response.read(self.most)
        if response.length or response.read(1):
            return ServerAway("sent too much, or less than it promised")
        return Fetched(response.status, body)

    def abort(self) -> None:
        """End the thread, if it waits for an answer by now. Until then, each step has a timeout."""
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


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
    result = request.result  # until now: an answer that is cut short looks whole
    if request.is_alive():
        request.abort()
    if isinstance(result, ServerAway):
        raise result
    return result
