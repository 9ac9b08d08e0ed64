"""Test that errors are reported if a key is set, without secrets."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import brotli
import pytest
import sentry_sdk
from flask import g

from app import create_app
from app.features.error_reporting import _for_sentry
from app.kit.web.logs import log_lines
from tests.serving_threads import serving

SECRET = "hunter2-hunter2-hunter2"
CSRF = "a-csrf-token-of-a-session"
TOKEN = "WzEsMTc2-a-token-that-works"


DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress, "identity": bytes}


class Collector:
    """A server that keeps each request posted to it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.came = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                encoding = self.headers.get("Content-Encoding", "identity")
                collector.bodies.append(DECODERS[encoding](body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
                collector.came.set()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with serving(collector.server):
        yield collector


def break_down(app) -> None:
    """Raise an error in a view with a secret in its variables, form and URL."""

    def fail(token: str) -> None:
        password = SECRET
        try:
            raise ValueError(f"postgresql://kit:{password}@db/app said no")
        except ValueError as error:
            raise RuntimeError(f"broken by /account/reset-password/{token}") from error

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.config["WTF_CSRF_ENABLED"] = False
    app.add_url_rule("/account/reset-password/<token>", "fail", fail, methods=["PUT"])
    headers = {"X-CSRFToken": CSRF, "Cookie": f"session={CSRF}", "X-Api-Token": CSRF}
    headers |= {"X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {CSRF}"}
    response = app.test_client().put(
        f"/account/reset-password/{TOKEN}?next=%252Faccount%252Freset-password%252F{TOKEN}",
        data={"password": SECRET},
        headers=headers,
    )
    assert response.status_code == 500


def check(report: str) -> None:
    assert "broken by" in report
    assert SECRET not in report
    assert TOKEN not in report
    assert CSRF not in report
    assert "203.0.113.9" not in report


def test_sentry_is_told_of_an_error_and_of_no_secret(collector: Collector) -> None:
    dsn = f"http://key@{collector.address}/1"
    try:
        break_down(create_app("testing", {"SENTRY_DSN": dsn}))
        sentry_sdk.flush(5)
        assert collector.came.wait(5)
    finally:
        sentry_sdk.get_client().close()
        # Otherwise it would go on to watch the requests and queries of all later tests.
        sentry_sdk.get_global_scope().set_client(None)
    check(b"".join(collector.bodies).decode())


def test_sentry_is_told_the_id_of_the_request(app) -> None:
    with app.test_request_context("/"):
        g.request_id = "1f"
        assert _for_sentry({"tags": {"x": "y"}}, {})["tags"] == {"x": "y", "request_id": "1f"}


def test_sentry_gets_no_query_that_is_a_secret(app, monkeypatch) -> None:
    monkeypatch.setattr(log_lines, "query_paths", {"/partners/answer"})
    url = "http://localhost/partners/answer"
    report = _for_sentry({"request": {"url": url, "query_string": f"code={SECRET}"}}, None)
    assert report["request"]["query_string"] == "***"
    request = {"url": "http://localhost/users", "query_string": "page=2"}
    assert _for_sentry({"request": request}, None)["request"]["query_string"] == "page=2"


def test_raygun_is_told_of_an_error_and_of_no_secret(collector: Collector, monkeypatch) -> None:
    from raygun4py.raygunprovider import RaygunSender

    monkeypatch.setattr(RaygunSender, "endpointprotocol", "http://")
    monkeypatch.setattr(RaygunSender, "endpointhost", collector.address)
    break_down(create_app("testing", {"RAYGUN_APIKEY": "key"}))
    assert collector.came.wait(5)
    check(json.dumps(json.loads(collector.bodies[0])))
