"""Use the API as a program does: python examples/api_client.py http://localhost:5000 EMAIL PASSWORD

The user is an administrator. To reach this machine, the app needs WEBHOOK_PRIVATE_HOSTS=True.
"""

import base64
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from threading import Thread

import httpx
from standardwebhooks import Webhook

url, email, password = sys.argv[1:]
secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
received: Queue[str] = Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = Webhook(secret).verify(body, dict(self.headers))  # raises for a wrong signature
        self.send_response(204)
        self.end_headers()
        received.put(event["type"])


receiver = HTTPServer(("127.0.0.1", 0), Receiver)
Thread(target=receiver.serve_forever, daemon=True).start()
raising = {"response": [httpx.Response.raise_for_status]}
api = httpx.Client(base_url=f"{url}/api/v1", timeout=30, event_hooks=raising)
token = api.post("/tokens", auth=(email, password)).json()["token"]
api.headers["Authorization"] = f"Bearer {token}"
hook = {"name": "Example", "url": f"http://127.0.0.1:{receiver.server_port}", "secret": secret}
api.post("/webhooks", json=hook | {"all_events": True})
role = {one["name"]: one["id"] for one in api.get("/roles").json()["items"]}
ada = {"first_name": "Ada", "last_name": "Lovelace", "email": f"ada.{time.time_ns()}@example.com"}
once = {"Idempotency-Key": ada["email"]}  # a repeated request makes no second user
user = api.post("/users", json=ada | {"password": "correct horse battery 7"}, headers=once)
guest = ada | {"email": f"guest.{ada['email']}", "role_id": role["User"]}
api.post("/invitations", json=guest)
path, unchanged = f"/users/{user.json()['id']}", {"If-Match": user.headers["ETag"]}
api.patch(path, json={"role_id": role["Administrator"]}, headers=unchanged)
change = {"action": "suspend", "user_ids": [user.json()["id"]]}
location = api.post("/bulk-operations", json=change).headers["Location"]
operation = api.post(f"{url}{location}/start", json={"reason": "An example"}).json()
while operation["finished_at"] is None:
    time.sleep(0.2)
    operation = api.get(f"{url}{location}").json()
events = api.get("/audit-events", params={"fields": "action", "limit": 10}).json()["items"]
print("The audit trail ends with", ", ".join(one["action"] for one in events))
wanted = {"user.created", "user.invited", "user.role_changed", "bulk.confirmed", "user.suspended"}
while wanted:
    wanted.discard(event := received.get(timeout=60))
    print("Received", event)
