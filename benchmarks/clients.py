"""Send requests: from one browser with cookies, and from many connections at once."""

import html
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import brotli

CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
WAIT = 300  # seconds; a busy machine takes minutes for the first page of a million rows


@dataclass
class Browser:
    """A keep-alive connection to a server on this machine, with cookies, without redirects.

    `authorization` is the value of that header, for an API.
    """

    port: int
    encoding: str = "identity"
    authorization: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        self._wire: _Wire | None = None

    def close(self) -> None:
        self.connection.close()
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def open(self, path: str, form: dict[str, str] | None = None) -> tuple[HTTPResponse, bytes]:
        """Request a page or send a form, and return the response with its raw body."""
        headers = self.headers()
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        request = ("GET" if form is None else "POST", path, body, headers)
        response = self._answer_to(*request)
        content = response.read()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response, content

    def _answer_to(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> HTTPResponse:
        try:
            self.connection.request(method, path, body, headers)
            return self.connection.getresponse()
        except ConnectionError:
            # The server closes idle connections after some seconds.
            self.close()
            self.connection.request(method, path, body, headers)
            return self.connection.getresponse()

    def seconds(self, path: str, form: dict[str, str] | None = None) -> float:
        """Return the seconds from sending a request to receiving the complete response.

        Pages are requested over a bare socket, so that the client's parsing of headers does not
        count as the server's time.
        """
        if form is not None:
            started = time.perf_counter()
            response, _ = self.open(path, form)
            taken = time.perf_counter() - started
            if response.status >= 400:
                raise RuntimeError(f"{path} answered {response.status}")
            return taken
        request = _request(self.port, path, self.headers())
        for _ in range(2):
            self._wire = self._wire or _Wire(self.port)
            started = time.perf_counter()
            try:
                self._wire.ask(request, path)
            except ConnectionError:
                # The server closes idle connections after some seconds.
                self._wire.close()
                self._wire = None
            else:
                return time.perf_counter() - started
        raise RuntimeError(f"{path} was not answered")

    def download(self, path: str) -> tuple[float, int]:
        """Download a file without storing it, and return the seconds and the number of lines."""
        started = time.perf_counter()
        headers = self.headers()
        response = self._answer_to("GET", path, None, headers)
        lines = 0
        while part := response.read(1 << 16):
            lines += part.count(b"\n")
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}")
        return time.perf_counter() - started, lines

    def csrf_token(self, path: str) -> str:
        response, content = self.open(path)
        found = CSRF_TOKEN.search(readable(response, content))
        if found is None:
            raise RuntimeError(f"no form at {path}")
        return html.unescape(found.group(1))

    def sign_in(self, email: str, password: str) -> None:
        path = "/account/login"
        form = {"email": email, "password": password, "csrf_token": self.csrf_token(path)}
        response, _ = self.open(path, form)
        if response.status != 302:
            raise RuntimeError(f"{email} could not sign in: {response.status}")

    def headers(self) -> dict[str, str]:
        own = {"Authorization": self.authorization} if self.authorization else {}
        return {"Accept-Encoding": self.encoding, **own, **self.cookie_header()}

    def cookie_header(self) -> dict[str, str]:
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": pairs} if pairs else {}


class _Wire:
    """A bare keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        self._answers = self._connection.makefile("rb")

    def ask(self, request: bytes, path: str) -> None:
        """Send a request and read the response. Raises ConnectionError if the server hung up."""
        self._connection.sendall(request)
        line = self._answers.readline()
        if not line:
            raise ConnectionResetError
        length = 0
        while (header := self._answers.readline()) not in (b"\r\n", b""):
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._answers.read(length)
        status = line.split()[1]
        if not status.startswith(b"2"):
            raise RuntimeError(f"{path} answered {status.decode()}")

    def close(self) -> None:
        self._answers.close()
        self._connection.close()


def _request(port: int, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def readable(response: HTTPResponse, content: bytes) -> str:
    """Return the text of a response, which may be compressed."""
    if response.getheader("Content-Encoding") == "br":
        content = brotli.decompress(content)
    return content.decode()


def requests_per_second(
    port: int, path: str, headers: dict[str, str], *, connections: int, seconds: int
) -> float:
    """Request one page repeatedly on several connections, with wrk if it is installed."""
    crowd = _wrk if shutil.which("wrk") else _threads
    return crowd(port, path, headers, connections, seconds)


def _wrk(port: int, path: str, headers: dict[str, str], connections: int, seconds: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{port}{path}")
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{path} failed under load:\n{output}")
    return float(output.partition("Requests/sec:")[2].split()[0])


def _threads(
    port: int, path: str, headers: dict[str, str], connections: int, seconds: int
) -> float:
    """Do the same as wrk with threads. Python limits this to some thousand requests a second."""
    request = _request(port, path, headers)
    until = time.monotonic() + seconds

    def ask_until_then(_number: int) -> int:
        done = 0
        with closing(_Wire(port)) as wire:
            while done == 0 or time.monotonic() < until:
                wire.ask(request, path)
                done += 1
        return done

    started = time.monotonic()
    with ThreadPoolExecutor(connections) as pool:
        total = sum(pool.map(ask_until_then, range(connections)))
    return total / (time.monotonic() - started)
