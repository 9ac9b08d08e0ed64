"""A server that receives webhooks, and webhooks that lead to it."""

from __future__ import annotations

import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import select
from standardwebhooks import Webhook as Verifier

from app.extensions import db
from app.features.webhooks import signing
from app.features.webhooks.models import SECRETS, Webhook, WebhookAction, WebhookDelivery
from tests.queue.support import PATIENCE

SUSPENDED = "user.suspended"


class Receiver(ThreadingHTTPServer):
    """A server on 127.0.0.1 that keeps each request, and answers as the script says, else 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.script: deque[tuple[int, bytes, dict[str, str]]] = deque()
        self.came = threading.Condition()
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks?a=1"

    def answers(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.script.append((status, body, headers))

    def wait_for(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.seen) >= count, PATIENCE)
        return self.seen

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.came:
            self.server.seen.append(
                ({name.lower(): value for name, value in self.headers.items()}, body)
            )
            self.server.came.notify_all()
        self.server.gate.wait(PATIENCE)
        status, answer, headers = (
            self.server.script.popleft() if self.server.script else (200, b"thanks", {})
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


def make_webhook(url: str, *actions: str, **values: Any) -> Webhook:
    """Return a webhook for these actions, or for all events if there are none."""
    values = {"name": "Accounting", "wants_all": not actions} | values
    webhook = Webhook(url=url, **values)
    webhook.actions = [WebhookAction(action=action) for action in actions]
    db.session.add(webhook)
    db.session.flush()
    webhook.encrypted = SECRETS.encrypt(signing.new_secret(), webhook.id)
    db.session.commit()
    return webhook


def make_delivery(webhook: Webhook, **values: Any) -> WebhookDelivery:
    """Return a test of a webhook, in any state."""
    delivery = WebhookDelivery(webhook_id=webhook.id, **{"action": "test", **values})
    db.session.add(delivery)
    db.session.commit()
    return delivery


def deliveries(**values: Any) -> list[WebhookDelivery]:
    db.session.expire_all()
    query = select(WebhookDelivery).filter_by(**values).order_by(WebhookDelivery.id)
    return list(db.session.scalars(query))


def verified(webhook: Webhook, request: tuple[dict[str, str], bytes], *, which: int = 0) -> Any:
    """Return the payload, if the library for receivers accepts the signature of a secret."""
    headers, body = request
    return Verifier(signing.secrets_of(webhook)[which]).verify(body, headers)
