"""Programs manage webhooks, and read the log of deliveries."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.api.tests.programs import Call, admin_program, get, problem_of
from app.features.webhooks import delivering, services, signing
from app.features.webhooks.models import Webhook
from app.features.webhooks.tests.support import (
    SUSPENDED,
    deliveries,
    make_delivery,
    make_webhook,
    verified,
)
from app.models import AuditEvent, Permission

__all__ = ["admin_program"]

NAMES = (
    "list_webhooks",
    "create_webhook",
    "get_webhook",
    "change_webhook",
    "delete_webhook",
    "pause_webhook",
    "resume_webhook",
    "rotate_webhook_secret",
    "test_webhook",
    "list_webhook_deliveries",
    "get_webhook_delivery",
    "resend_webhook_delivery",
)
ACCESS = {f"api.{name}": Permission.ADMINISTER for name in NAMES}
URL = "https://example.com/hooks"
NEW = {"name": "Accounting", "url": URL, "events": [SUSPENDED]}
SECRET = signing.new_secret()


def on_webhook(method, path="", body=None, event="", **values):
    def send(program):
        url = f"/webhooks/{make_webhook(URL, SUSPENDED, **values).id}{path}"
        return program.patch(url, body) if method == "PATCH" else program.call(method, url, body)

    return Call(send, event)


def on_delivery(method, path="", event=""):
    def send(program):
        delivery = make_delivery(make_webhook(URL), state="failed")
        return program.call(method, f"/webhook-deliveries/{delivery.id}{path}")

    return Call(send, event)


CALLS = {
    "api.list_webhooks": get("/webhooks"),
    "api.create_webhook": Call(lambda program: program.post("/webhooks", NEW), "webhook.added"),
    "api.get_webhook": on_webhook("GET"),
    "api.change_webhook": on_webhook("PATCH", "", {"name": "Books"}, "webhook.changed"),
    "api.delete_webhook": on_webhook("DELETE", event="webhook.deleted"),
    "api.pause_webhook": on_webhook("POST", "/pause", event="webhook.paused"),
    "api.resume_webhook": on_webhook("POST", "/resume", event="webhook.resumed", state="off"),
    "api.rotate_webhook_secret": on_webhook(
        "POST", "/rotate-secret", {"secret": SECRET}, "webhook.secret_rotated"
    ),
    "api.test_webhook": on_webhook("POST", "/test", event="webhook.tested"),
    "api.list_webhook_deliveries": get("/webhook-deliveries"),
    "api.get_webhook_delivery": on_delivery("GET"),
    "api.resend_webhook_delivery": on_delivery("POST", "/resend", "webhook.resent"),
}


@pytest.mark.usefixtures("private_hosts")
def test_a_program_adds_a_webhook_with_its_own_secret_and_receives(admin_program, receiver):
    made = admin_program.post("/webhooks", NEW | {"url": receiver.url, "secret": SECRET})
    assert made.status_code == 201
    assert SECRET not in made.text
    webhook = db.session.scalars(select(Webhook)).one()
    assert signing.secrets_of(webhook) == [SECRET]
    test = admin_program.post(f"/webhooks/{webhook.id}/test")
    assert test.status_code == 202
    delivering.deliver()
    assert verified(webhook, receiver.seen[0])["type"] == "test"
    found = admin_program.get(test.headers["Location"]).json
    assert (found["state"], found["status"], found["answer"]) == ("sent", 200, "thanks")
    assert found["request"]["type"] == "test"

    again = admin_program.post(f"/webhook-deliveries/{found['id']}/resend")
    assert again.status_code == 202
    twice = admin_program.post(f"/webhook-deliveries/{found['id']}/resend")
    assert problem_of(twice) == (409, "delivery-on-its-way")


def test_a_change_needs_the_last_state(admin_program, admin):
    path = f"/webhooks/{make_webhook(URL, SUSPENDED).id}"
    before = admin_program.get(path)
    changed = admin_program.patch(path, {"all_events": True})
    assert (changed.json["all_events"], changed.json["events"]) == (True, [])
    late = admin_program.patch(path, {"name": "Late"}, If_Match=before.headers["ETag"])
    assert problem_of(late) == (412, "precondition-failed")
    services.pause(db.session.scalars(select(Webhook)).one(), by=admin)
    assert admin_program.get("/webhooks?state=paused").json["count"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://10.0.0.1/"},
        {"url": "https://127.0.0.1/"},
        {"events": []},
        {"events": ["user.imagined"]},
        {"secret": "whsec_short"},
        {"name": ""},
    ],
    ids=str,
)
def test_wrong_values_are_named(admin_program, wrong):
    answer = admin_program.post("/webhooks", NEW | wrong)
    assert problem_of(answer)[0] == 422
    assert next(iter(wrong)) in str(answer.json["errors"])
    assert db.session.scalars(select(Webhook)).all() == []


def test_deliveries_are_listed_by_webhook(admin_program):
    webhook = make_webhook(URL)
    make_delivery(make_webhook(URL))
    one = make_delivery(webhook)
    found = admin_program.get(f"/webhook-deliveries?webhook={webhook.id}").json
    assert [row["id"] for row in found["items"]] == [one.id]
    assert found["items"][0]["message_id"] == deliveries(id=one.id)[0].message_id


def test_the_audit_trail_has_no_path_of_a_url(admin_program):
    """Paths of many receivers are secrets, and others read the trail or get its events."""
    secret = "T0KEN"
    made = admin_program.post("/webhooks", NEW | {"url": f"https://example.com/{secret}"}).json
    path = f"/webhooks/{made['id']}"
    for url in (f"https://example.com/?{secret}", f"https://example.org:8443/{secret}"):
        assert admin_program.patch(path, {"url": url}).status_code == 200
    assert admin_program.delete(path).status_code == 204
    events = list(db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)))
    urls = [event.changes.get("url") or event.details.get("url") for event in events]
    host, other = "https://example.com/…", "https://example.org:8443/…"
    assert urls == [host, [host, host], [host, other], other]
    assert secret not in str([(event.changes, event.details) for event in events])


def test_the_secret_of_the_description_is_refused(admin_program):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    schemas = admin_program.get("/openapi.json").json["components"]["schemas"]
    assert schemas["NewSecret"]["properties"]["secret"]["example"] == secret
    answer = admin_program.post("/webhooks", NEW | {"secret": secret})
    assert problem_of(answer) == (422, "unprocessable-content")
    path = f"/webhooks/{make_webhook(URL).id}/rotate-secret"
    assert problem_of(admin_program.post(path, {"secret": secret}))[0] == 422


def test_a_repeated_rotation_keeps_the_former_secret(admin_program):
    """A program repeats it after a lost answer. The former secret signed no longer."""
    webhook = make_webhook(URL)
    former = signing.secrets_of(webhook)[0]
    for _ in range(2):
        path = f"/webhooks/{webhook.id}/rotate-secret"
        assert admin_program.post(path, {"secret": SECRET}).status_code == 204
    db.session.refresh(webhook)
    assert signing.secrets_of(webhook) == [SECRET, former]
