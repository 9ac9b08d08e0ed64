"""The admin pages of webhooks: the list, a webhook, its secret, and the log of deliveries."""

from __future__ import annotations

import json

from flask import flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.admin import admin
from app.decorators import admin_required, fresh_sign_in_required
from app.extensions import db
from app.features.webhooks import payloads, services, tables
from app.features.webhooks.forms import WebhookForm
from app.features.webhooks.models import Webhook, WebhookDelivery
from app.features.webhooks.services import NotResendable, WebhookGone, WebhookService
from app.kit import outgoing
from app.kit.edit_conflicts import EditConflict
from app.kit.encryption import UnreadableSecret
from app.kit.web import table_pages
from app.kit.web.forms.confirmation import ask_to_confirm
from app.kit.web.live import is_live
from app.sign_in import me

LATEST = 10  # deliveries on the page of a webhook
GONE = "The webhook was deleted meanwhile."
UNREADABLE = "The secret cannot be decrypted, because SECRET_KEY has changed. Rotate it."


@admin.get("/webhooks")
@admin_required
def webhooks() -> ResponseReturnValue:
    held = outgoing.current_hold()
    return table_pages.show(tables.webhooks, template="admin/webhooks.html", hold=held)


@admin.route("/webhooks/new", methods=["GET", "POST"])
@admin_required
@fresh_sign_in_required
def add_webhook() -> ResponseReturnValue:
    form = WebhookForm()
    if form.validate_on_submit():
        webhook = services.add(form.values(), by=me())
        flash("The webhook is added. Send a test to see whether it works.", "success")
        return redirect(url_for("admin.webhook", webhook_id=webhook.id))
    return render_template("admin/webhook_form.html", form=form, webhook=None)


@admin.get("/webhooks/<int:webhook_id>")
@admin_required
def webhook(webhook_id: int) -> ResponseReturnValue:
    found = _webhook_or_404(webhook_id)
    latest = (
        select(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id)
        .order_by(WebhookDelivery.id.desc())
        .limit(LATEST)
    )
    return render_template(
        "admin/webhook.html",
        webhook=found,
        events=[(one.action, tables.words_of(one.action)) for one in found.actions],
        deliveries=list(db.session.scalars(latest)),
        words_of=tables.words_of,
    )


@admin.route("/webhooks/<int:webhook_id>/edit", methods=["GET", "POST"])
@admin_required
@fresh_sign_in_required
def change_webhook(webhook_id: int) -> ResponseReturnValue:
    found = _webhook_or_404(webhook_id)
    form = WebhookForm()
    if not form.is_submitted():
        form.show(found)
    elif form.validate():
        try:
            services.change(found, form.values(), by=me(), seen=form.seen.data)
        except WebhookGone:
            return _gone()
        except EditConflict as conflict:
            form.note(found)  # The next submit overwrites the other change on purpose.
            values = form.values().noted().items()
            page = {"form": form, "webhook": found, "changed": conflict, "yours": values}
            return render_template("admin/webhook_form.html", **page), 409
        flash("The webhook is saved.", "success")
        return redirect(url_for("admin.webhook", webhook_id=webhook_id))
    return render_template("admin/webhook_form.html", form=form, webhook=found)


@admin.post("/webhooks/<int:webhook_id>/pause")
@admin_required
def pause_webhook(webhook_id: int) -> ResponseReturnValue:
    return _act(webhook_id, services.pause, "The webhook is paused. No more events are sent.")


@admin.post("/webhooks/<int:webhook_id>/resume")
@admin_required
def resume_webhook(webhook_id: int) -> ResponseReturnValue:
    return _act(webhook_id, services.resume, "The webhook is on again.")


@admin.post("/webhooks/<int:webhook_id>/test")
@admin_required
def test_webhook(webhook_id: int) -> ResponseReturnValue:
    try:
        delivery = services.test(_webhook_or_404(webhook_id), by=me())
    except WebhookGone:
        return _gone()
    flash("The test is on its way. This page shows the answer.", "success")
    return redirect(url_for("admin.webhook_delivery", delivery_id=delivery.id))


@admin.route("/webhooks/<int:webhook_id>/rotate-secret", methods=["GET", "POST"])
@admin_required
@fresh_sign_in_required
def rotate_webhook_secret(webhook_id: int) -> ResponseReturnValue:
    if page := _ask_to_confirm(
        _webhook_or_404(webhook_id),
        title="Rotate the secret of {name}?",
        text="Messages have two signatures for 24 hours, of the new secret and of the present one. "
        "Give the receiver the new secret within that time.",
        button="Rotate secret",
    ):
        return page
    return _act(webhook_id, services.rotate_secret, "The secret is rotated.")


@admin.route("/webhooks/<int:webhook_id>/secret", methods=["GET", "POST"])
@admin_required
@fresh_sign_in_required
def show_webhook_secret(webhook_id: int) -> ResponseReturnValue:
    found = _webhook_or_404(webhook_id)
    if page := _ask_to_confirm(
        found,
        title="Show the secret of {name}?",
        text="The receiver verifies signatures with it. The audit trail notes that you looked.",
        button="Show secret",
    ):
        return page
    try:
        secret = services.show_secret(found, by=me())
    except UnreadableSecret:
        db.session.rollback()
        flash(UNREADABLE, "error")
        return redirect(url_for("admin.webhook", webhook_id=webhook_id))
    except WebhookGone:
        return _gone()
    page = render_template("admin/webhook_secret.html", webhook=found, secret=secret)
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


@admin.route("/webhooks/<int:webhook_id>/delete", methods=["GET", "POST"])
@admin_required
@fresh_sign_in_required
def delete_webhook(webhook_id: int) -> ResponseReturnValue:
    found = _webhook_or_404(webhook_id)
    if page := _ask_to_confirm(
        found,
        title="Delete {name}?",
        text="It gets no more events, and the log of its deliveries is deleted. "
        "This cannot be undone.",
        button="Delete webhook",
        danger=True,
    ):
        return page
    name = found.name
    try:
        services.remove(found, by=me())
    except WebhookGone:
        return _gone()
    flash(f"The webhook {name} is deleted.", "success")
    return redirect(url_for("admin.webhooks"))


# The log


@admin.get("/webhooks/deliveries")
@admin_required
def webhook_deliveries() -> ResponseReturnValue:
    held = outgoing.current_hold()
    return table_pages.show(tables.deliveries, template="admin/webhook_deliveries.html", hold=held)


@admin.get("/webhooks/deliveries/<int:delivery_id>")
@admin_required
def webhook_delivery(delivery_id: int) -> ResponseReturnValue:
    found = _delivery_or_404(delivery_id)
    return render_template(
        "admin/webhook_delivery.html",
        delivery=found,
        title=tables.words_of(found.action),
        body=json.dumps(payloads.payload_of(found), indent=2, ensure_ascii=False),
        may_be_resent=services.may_be_resent(found),
        live=is_live(),
    )


@admin.post("/webhooks/deliveries/<int:delivery_id>/send-again")
@admin_required
def resend_webhook_delivery(delivery_id: int) -> ResponseReturnValue:
    try:
        services.resend(_delivery_or_404(delivery_id), by=me())
    except NotResendable:
        flash("This delivery is already queued.", "info")
    except WebhookGone:
        return _gone()
    else:
        flash("The delivery is queued again, with the same id.", "success")
    return redirect(url_for("admin.webhook_delivery", delivery_id=delivery_id))


def _act(webhook_id: int, service: WebhookService, done: str) -> ResponseReturnValue:
    try:
        service(_webhook_or_404(webhook_id), by=me())
    except WebhookGone:
        return _gone()
    flash(done, "success")
    return redirect(url_for("admin.webhook", webhook_id=webhook_id))


def _ask_to_confirm(
    found: Webhook, *, title: str, text: str, button: str, danger: bool = False
) -> ResponseReturnValue | None:
    page = url_for("admin.webhook", webhook_id=found.id)
    return ask_to_confirm(
        title=title.replace("{name}", found.name),
        text=text,
        button=button,
        back=page,
        trail=[(url_for("admin.webhooks"), "Webhooks"), (page, found.name)],
        danger=danger,
    )


def _gone() -> ResponseReturnValue:
    flash(GONE, "error")
    return redirect(url_for("admin.webhooks"))


def _webhook_or_404(webhook_id: int) -> Webhook:
    return db.get_or_404(Webhook, webhook_id)


def _delivery_or_404(delivery_id: int) -> WebhookDelivery:
    return db.get_or_404(WebhookDelivery, delivery_id)
