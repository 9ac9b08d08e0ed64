"""Receive webhooks and check their signatures, for api_client.py."""

# Needs the features: api, webhooks

import base64
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from threading import Thread

import httpx
from standardwebhooks import Webhook

secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
received: Queue[str] = Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = Webhook(secret).verify(body, dict(self.headers))  # raises for a wrong signature
        self.send_response(204)
        self.end_headers()
        received.put(event["type"])


def subscribe(api: httpx.Client) -> None:
    """Have all events sent to a server in a thread of this program."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    hook = {"name": "Example", "url": f"http://127.0.0.1:{server.server_port}", "secret": secret}
    api.post("/webhooks", json=hook | {"all_events": True})


def wait_for(events: set[str]) -> None:
    """Print the events that come, until each of `events` has come."""
    while events:
        events.discard(event := received.get(timeout=60))
        print("Received", event)
