"""A minimal browser that reaches nginx by the host of the guide, on any port."""

from __future__ import annotations

import html
import re
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from tests.deployment.guide import HOST

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
PATIENCE = 120  # seconds


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    text: str


class Client:
    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self.port, self.certificate = port, certificate
        self.cookies: dict[str, str] = {}

    def connect(self, name: str = HOST) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if self.certificate is None:
            return plain
        trusting = ssl.create_default_context(cafile=str(self.certificate))
        return trusting.wrap_socket(plain, server_hostname=name)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        host: str = HOST,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        fields = {"Host": host, "Connection": "close", **(headers or {})}
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body and "Transfer-Encoding" not in fields:
            fields["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with self.connect() as connection:
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            response = HTTPResponse(connection, method=method)
            response.begin()
            answer = Answer(response.status, response.headers, response.read().decode())
        for line in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer

    def get(self, path: str, **options: object) -> Answer:
        return self.send("GET", path, **options)  # type: ignore[arg-type]

    def token(self, path: str) -> str:
        answer = self.get(path)
        found = TOKEN.search(answer.text)
        assert found, (answer.status, answer.text)
        return html.unescape(found[1])

    def submit(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Fill in the form at `path` and send it, with the Origin header of a browser."""
        body = urlencode({**fields, "csrf_token": self.token(path)}).encode()
        scheme = "https" if self.certificate else "http"
        sent = {"Origin": f"{scheme}://{HOST}", "Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, body, headers={**sent, **headers})
