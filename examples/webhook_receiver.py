"""Receive webhooks: python examples/webhook_receiver.py http://localhost:5000 EMAIL PASSWORD

The user is an administrator. To reach this machine, the app needs WEBHOOK_PRIVATE_HOSTS=True.
Ctrl-C deletes the webhook and ends the program.
"""

# Needs the features: api, webhooks

import base64
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

url, email, password = sys.argv[1:]
secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            event = Webhook(secret).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_error(400)
            return
        self.send_response(204)
        self.end_headers()
        print("Received", event["type"], flush=True)


receiver = HTTPServer(("127.0.0.1", 0), Receiver)
raising = {"response": [httpx.Response.raise_for_status]}
api = httpx.Client(base_url=f"{url}/api/v1", timeout=30, event_hooks=raising)
token = api.post("/tokens", auth=(email, password)).json()["token"]
api.headers["Authorization"] = f"Bearer {token}"
hook = {"name": "Example", "url": f"http://127.0.0.1:{receiver.server_port}", "secret": secret}
added = api.post("/webhooks", json=hook | {"all_events": True}).json()
print("Waiting for events of", url, flush=True)
try:
    receiver.serve_forever()
except KeyboardInterrupt:
    api.delete(f"/webhooks/{added['id']}")
