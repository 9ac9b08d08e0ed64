"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.features.webhooks import emails
from app.features.webhooks.models import DeliveryState, Webhook
from app.features.webhooks.tests.support import SUSPENDED, make_delivery, make_webhook
from app.models import Permission
from tests.world import HOSTILE as TEXT
from tests.world import as_admin

URL = "https://example.com/hooks"
ADMIN = Permission.ADMINISTER
ACCESS = {
    "admin.add_webhook": ADMIN,
    "admin.change_webhook": ADMIN,
    "admin.delete_webhook": ADMIN,
    "admin.pause_webhook": ADMIN,
    "admin.resend_webhook_delivery": ADMIN,
    "admin.resume_webhook": ADMIN,
    "admin.rotate_webhook_secret": ADMIN,
    "admin.show_webhook_secret": ADMIN,
    "admin.test_webhook": ADMIN,
    "admin.webhook": ADMIN,
    "admin.webhook_deliveries": ADMIN,
    "admin.webhook_delivery": ADMIN,
    "admin.webhooks": ADMIN,
}


def on_webhook(path, *, webhook=None, **data):
    def send(world):
        found = make_webhook(URL, SUSPENDED, **(webhook or {}))
        page = f"/admin/webhooks/{found.id}"
        asks = path in {"edit", "delete", "rotate-secret", "secret"}
        return world.send(world.browser, f"{page}/{path}", form_at="" if asks else page, **data)

    return send


def resend(world):
    delivery = make_delivery(make_webhook(URL), state=DeliveryState.FAILED)
    page = f"/admin/webhooks/deliveries/{delivery.id}"
    return world.send(world.browser, f"{page}/send-again", form_at=page)


FORM = {"name": "Accounting", "url": URL, "wants_all": "y"}
EVENTS = {
    "admin.add_webhook": ("webhook.added", as_admin("/admin/webhooks/new", **FORM)),
    "admin.change_webhook": ("webhook.changed", on_webhook("edit", **FORM)),
    "admin.delete_webhook": ("webhook.deleted", on_webhook("delete")),
    "admin.pause_webhook": ("webhook.paused", on_webhook("pause")),
    "admin.resend_webhook_delivery": ("webhook.resent", resend),
    "admin.resume_webhook": (
        "webhook.resumed",
        on_webhook("resume", webhook={"state": "paused"}),
    ),
    "admin.rotate_webhook_secret": ("webhook.secret_rotated", on_webhook("rotate-secret")),
    "admin.show_webhook_secret": ("webhook.secret_shown", on_webhook("secret")),
    "admin.test_webhook": ("webhook.tested", on_webhook("test")),
}
WITHOUT_API = {"admin.show_webhook_secret": "no answer has a secret; a program sends its own"}


def hostile_delivery(_world):
    webhook = make_webhook(URL, name=TEXT)
    values = {"state": "failed", "answer": TEXT, "error": TEXT, "action": TEXT}
    return [make_delivery(webhook, **values).id]


SHARED = {
    "webhook_id": "every administrator sees all of them",
    "delivery_id": "every administrator sees all of them",
}
HOSTILE = {
    "webhook_id": lambda _world: [make_webhook(f"{URL}?{TEXT}", TEXT, name=TEXT).id],
    "delivery_id": hostile_delivery,
}
FIELDS = {"/admin/webhooks/new": ("name", "url", "wants_all", "actions")}
MAILS = {
    "webhook_turned_off": lambda user: emails.send_webhook_turned_off_to(
        user, Webhook(id=1, name="Accounting", off_reason="The server answered 500.")
    )
}
