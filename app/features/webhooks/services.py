"""Add, change, pause, test and delete webhooks, and send deliveries again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import delete

from app.extensions import db
from app.features.webhooks import signing, targets
from app.features.webhooks.models import (
    SECRETS,
    TEST,
    DeliveryState,
    Webhook,
    WebhookAction,
    WebhookDelivery,
    WebhookState,
)
from app.kit import audit, edit_conflicts, queue
from app.kit.database import now
from app.kit.database.turns import take_turns
from app.models import User

Row = TypeVar("Row", Webhook, WebhookDelivery)
BOTH_SIGN_FOR = timedelta(hours=24)


class WebhookService(Protocol):
    """A service that acts on a webhook."""

    def __call__(self, webhook: Webhook, *, by: User) -> None: ...


class WebhookGone(Exception):
    """Another request deleted the webhook or the delivery meanwhile."""


class NotResendable(Exception):
    """The delivery is already queued."""


@dataclass(frozen=True)
class WebhookValues:
    """The values of a webhook that an administrator fills in."""

    name: str
    url: str
    wants_all: bool
    actions: Collection[str] = ()

    @property
    def events(self) -> list[str]:
        """The actions of its events, in order; none if it gets all."""
        return [] if self.wants_all else sorted(set(self.actions))

    def noted(self) -> dict[str, str]:
        """Return the values as a form shows them."""
        events = "all" if self.wants_all else ", ".join(self.events)
        return {"name": self.name, "url": self.url, "events": events}


def values_of(webhook: Webhook) -> WebhookValues:
    actions = [one.action for one in webhook.actions]
    return WebhookValues(webhook.name, webhook.url, webhook.wants_all, actions)


def add(values: WebhookValues, *, by: User, secret: str = "") -> Webhook:
    """Add a webhook with a secret, by default a new one. Raises UrlRefused."""
    targets.ensure_allowed(values.url)
    webhook = Webhook()
    _write(webhook, values)
    db.session.add(webhook)
    db.session.flush()
    webhook.encrypted = SECRETS.encrypt(secret or signing.new_secret(), webhook.id)
    audit.record(
        "webhook.added",
        by=by,
        subject=webhook,
        url=_host_of(values.url),
        events=values.noted()["events"],
    )
    db.session.commit()
    return webhook


def change(webhook: Webhook, values: WebhookValues, *, by: User, seen: str | None = None) -> None:
    """Change a webhook. `seen` is a snapshot of the values that the change is based on.

    Raises UrlRefused, WebhookGone and EditConflict.
    """
    targets.ensure_allowed(values.url)
    _lock(webhook)
    before, after = values_of(webhook).noted(), values.noted()
    edit_conflicts.ensure_unchanged(seen, before, webhook, ["webhook.changed"])
    changes = {name: (before[name], after[name]) for name in after if before[name] != after[name]}
    if changes:
        if "url" in changes:
            changes["url"] = (_host_of(before["url"]), _host_of(after["url"]))
        _write(webhook, values)
        audit.record("webhook.changed", by=by, subject=webhook, changes=changes)
    db.session.commit()


def pause(webhook: Webhook, *, by: User) -> None:
    """Send no more events until the webhook is resumed. Raises WebhookGone."""
    _set_state(webhook, WebhookState.PAUSED, "webhook.paused", by=by)


def resume(webhook: Webhook, *, by: User) -> None:
    """Send events again: new ones, and those that wait. Raises WebhookGone."""
    _set_state(webhook, WebhookState.ACTIVE, "webhook.resumed", by=by)
    queue.enqueue("deliver_webhooks")


def remove(webhook: Webhook, *, by: User) -> None:
    """Delete a webhook and its deliveries. Raises WebhookGone.

    Deletions wait for each other, because the event of each locks the webhooks of the others.
    """
    take_turns("webhook.deleted")
    _locked(Webhook, webhook.id, to_delete=True)
    audit.record("webhook.deleted", by=by, subject=webhook, url=_host_of(webhook.url))
    db.session.flush()
    db.session.execute(delete(Webhook).where(Webhook.id == webhook.id))
    db.session.commit()


def rotate_secret(webhook: Webhook, *, by: User, secret: str = "") -> None:
    """Take a secret, by default a new one. The present one signs as well for BOTH_SIGN_FOR.

    A program may repeat its request: the present secret changes nothing, so the former one still
    signs. Raises WebhookGone.
    """
    _lock(webhook)
    can_sign = SECRETS.can_read(webhook.encrypted, webhook.id)
    if can_sign and SECRETS.decrypt(webhook.encrypted, webhook.id) == secret:
        db.session.rollback()
        return
    webhook.former_encrypted = webhook.encrypted
    webhook.former_until = now() + BOTH_SIGN_FOR if can_sign else None
    webhook.encrypted = SECRETS.encrypt(secret or signing.new_secret(), webhook.id)
    audit.record("webhook.secret_rotated", by=by, subject=webhook)
    db.session.commit()


def show_secret(webhook: Webhook, *, by: User) -> str:
    """Return the secret, and record that somebody looked. Raises UnreadableSecret."""
    _lock(webhook)
    secret = SECRETS.decrypt(webhook.encrypted, webhook.id)
    if SECRETS.is_outdated(webhook.encrypted):
        webhook.encrypted = SECRETS.encrypt(secret, webhook.id)
    audit.record("webhook.secret_shown", by=by, subject=webhook)
    db.session.commit()
    return secret


def test(webhook: Webhook, *, by: User) -> WebhookDelivery:
    """Queue a test, which goes to webhooks in each state and is tried once. Raises WebhookGone."""
    _lock(webhook)
    delivery = WebhookDelivery(webhook_id=webhook.id, action=TEST)
    db.session.add(delivery)
    audit.record("webhook.tested", by=by, subject=webhook)
    db.session.commit()
    queue.enqueue("deliver_webhooks")
    return delivery


def resend(delivery: WebhookDelivery, *, by: User) -> None:
    """Queue a delivery again, with the same id. Raises NotResendable and WebhookGone."""
    _locked(Webhook, delivery.webhook_id)  # first, as `remove` locks
    row = _locked(WebhookDelivery, delivery.id)
    if not may_be_resent(row):
        db.session.rollback()
        raise NotResendable
    row.state, row.attempts = DeliveryState.PENDING, 0
    row.next_try_at = row.queued_at = now()
    audit.record("webhook.resent", by=by, subject=row.webhook, delivery=row.id, event=row.action)
    db.session.commit()
    queue.enqueue("deliver_webhooks")


def may_be_resent(delivery: WebhookDelivery) -> bool:
    """Tell whether a delivery has ended, or waits for another attempt."""
    return delivery.state in {DeliveryState.SENT, DeliveryState.FAILED} or (
        delivery.state == DeliveryState.PENDING and delivery.attempts > 0
    )


def _set_state(webhook: Webhook, state: WebhookState, action: str, *, by: User) -> None:
    _lock(webhook)
    if webhook.state != state:
        changes = {"state": (webhook.state, state.value)}
        webhook.state, webhook.off_reason = state, ""
        webhook.failing_since = webhook.held_until = None
        audit.record(action, by=by, subject=webhook, changes=changes)
    db.session.commit()


def _host_of(url: str) -> str:
    """Return a URL without its path, which often is a secret of the receiver, for the trail."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"


def _write(webhook: Webhook, values: WebhookValues) -> None:
    webhook.name, webhook.url, webhook.wants_all = values.name, values.url, values.wants_all
    kept = {one.action: one for one in webhook.actions}
    webhook.actions = [kept.get(action) or WebhookAction(action=action) for action in values.events]
    webhook.held_until = None


def _lock(webhook: Webhook) -> None:
    _locked(Webhook, webhook.id)


def _locked(model: type[Row], row_id: int, *, to_delete: bool = False) -> Row:
    """Lock a row and return it. Events are recorded meanwhile, unless it is to be deleted."""
    how: Any = True if to_delete else {"key_share": True}
    row = db.session.get(model, row_id, with_for_update=how, populate_existing=True)
    if row is None:
        db.session.rollback()
        raise WebhookGone
    return row
