"""Use the API as a program does: python examples/api_client.py http://localhost:5000 EMAIL PASSWORD

The user is an administrator. Steps whose feature is off or removed are left out. To send webhooks
to this machine, the app needs WEBHOOK_PRIVATE_HOSTS=True.
"""

# Needs the features: api

import sys
import time

import httpx

url, email, password = sys.argv[1:]
raising = {"response": [httpx.Response.raise_for_status]}
api = httpx.Client(base_url=f"{url}/api/v1", timeout=30, event_hooks=raising)
offered = {path.removeprefix("/api/v1") for path in api.get("/openapi.json").json()["paths"]}
token = api.post("/tokens", auth=(email, password)).json()["token"]
api.headers["Authorization"] = f"Bearer {token}"
expected = {"user.created", "user.role_changed"}
if "/webhooks" in offered:
    import webhook_receiver  # the file beside this one, which is removed with the webhooks

    webhook_receiver.subscribe(api)

role = {one["name"]: one["id"] for one in api.get("/roles").json()["items"]}
ada = {"first_name": "Ada", "last_name": "Lovelace", "email": f"ada.{time.time_ns()}@example.com"}
once = {"Idempotency-Key": ada["email"]}  # a repeated request makes no second user
user = api.post("/users", json=ada | {"password": "correct horse battery 7"}, headers=once)
print("Created", ada["email"])
path, unchanged = f"/users/{user.json()['id']}", {"If-Match": user.headers["ETag"]}
api.patch(path, json={"role_id": role["Administrator"]}, headers=unchanged)
print("Changed the role of", ada["email"])

if "/invitations" in offered:
    guest = ada | {"email": f"guest.{ada['email']}", "role_id": role["User"]}
    api.post("/invitations", json=guest)
    expected.add("user.invited")
    print("Invited", guest["email"])

if "/bulk-operations" in offered:
    change = {"action": "suspend", "user_ids": [user.json()["id"]]}
    location = api.post("/bulk-operations", json=change).headers["Location"]
    operation = api.post(f"{url}{location}/start", json={"reason": "An example"}).json()
    while operation["finished_at"] is None:
        time.sleep(0.2)
        operation = api.get(f"{url}{location}").json()
    expected |= {"bulk.confirmed", "user.suspended"}
    print("Suspended", ada["email"])

if "/audit-events" in offered:
    latest = {"fields": "action", "limit": 10}
    events = api.get("/audit-events", params=latest).json()["items"]
    print("The audit trail ends with", ", ".join(one["action"] for one in events))

if "/webhooks" in offered:
    webhook_receiver.wait_for(expected)
