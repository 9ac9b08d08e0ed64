"""The pages of webhooks."""

import html
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.webhooks import maintenance, services, slots
from app.features.webhooks.models import Webhook
from app.features.webhooks.tests.support import (
    SUSPENDED,
    deliveries,
    make_delivery,
    make_webhook,
)
from app.kit import features
from app.kit.database import now
from app.models import AuditEvent

URL = "https://example.com/hooks"
NEW = "/admin/webhooks/new"


def test_events_of_a_feature_that_is_off_are_offered_only_where_they_were_chosen(
    browser, monkeypatch
):
    action = "webhook.tested"
    monkeypatch.setattr(
        features, "installed", lambda: {"x": SimpleNamespace(off=True, events={action: "Tested"})}
    )
    assert f'value="{action}"' not in browser.get(NEW).text
    browser.submit(NEW, {"name": "Accounting", "url": URL, "actions": [action]})
    webhook = db.session.scalars(select(Webhook)).one()
    assert f'value="{action}"' in browser.get(f"/admin/webhooks/{webhook.id}/edit").text


def test_a_webhook_is_added_shown_changed_and_deleted(browser):
    data = {"name": "Accounting", "url": URL, "actions": [SUSPENDED, "user.reactivated"]}
    page = browser.submit(NEW, data, follow_redirects=True).text
    assert "The webhook is added." in page
    webhook = db.session.scalars(select(Webhook)).one()
    assert [one.action for one in webhook.actions] == ["user.reactivated", SUSPENDED]
    assert URL in page
    assert SUSPENDED in page

    path = f"/admin/webhooks/{webhook.id}"
    form = browser.get(f"{path}/edit").text
    assert len(re.findall(r'type="checkbox"[^>]*name="actions"[^>]*checked', form)) == 2
    (seen,) = re.findall(r'name="seen"[^>]*value="([^"]*)"', form)
    data = {"name": "Books", "url": f"{URL}2", "actions": SUSPENDED, "seen": html.unescape(seen)}
    browser.submit(f"{path}/edit", data)
    db.session.refresh(webhook)
    assert (webhook.name, webhook.url) == ("Books", f"{URL}2")
    assert [one.action for one in webhook.actions] == [SUSPENDED]
    changed = AuditEvent.action == "webhook.changed"
    event = db.session.scalars(select(AuditEvent).where(changed)).one()
    assert event.changes["events"] == [f"user.reactivated, {SUSPENDED}", SUSPENDED]
    assert "Books" in browser.get("/admin/webhooks").text

    browser.submit(f"{path}/delete")
    assert db.session.scalars(select(Webhook)).all() == []
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "begin with https://"),
        ("ftp://example.com/", "Enter a URL like"),
        ("example.com", "Enter a URL like"),
        ("https://", "Enter a URL like"),
        ("https://[::1", "Enter a URL like"),
        ("https://a:99999/", "Enter a URL like"),
        ("https://a b/", "Use no spaces"),
        ("https://a\u0131.example/", "Use no spaces"),
        ("https://me:secret@example.com/", "Leave out user names"),
        ("https://example.com/#part", "Leave out user names"),
        ("https://example.com\\@127.0.0.1/", "Leave out user names"),
        ("https://example.com:22/", "Use port 443"),
        ("https://127.0.0.1/", "a server on the Internet"),
        ("https://[::ffff:10.0.0.1]/", "a server on the Internet"),
        ("https://169.254.169.254/latest", "a server on the Internet"),
        ("https://localhost:8443/", "a server on the Internet"),
        ("https://example.com/" + "a" * 2_000, "Use at most 2,000"),
    ],
)
def test_a_url_that_leads_nowhere_good_is_refused(browser, url, message):
    page = browser.submit(NEW, {"name": "Accounting", "url": url, "wants_all": "y"})
    assert message in page.text
    assert db.session.scalars(select(Webhook)).all() == []


def test_a_form_without_events_or_with_unknown_ones_is_refused(browser):
    data = {"name": "Accounting", "url": URL}
    assert "Choose at least one event" in browser.submit(NEW, data).text
    data["actions"] = "user.imagined"
    assert "Choose events of the list." in browser.submit(NEW, data).text
    assert db.session.scalars(select(Webhook)).all() == []


def test_the_secret_is_shown_on_demand_and_kept_nowhere(browser, admin):
    webhook = make_webhook(URL, SUSPENDED)
    path = f"/admin/webhooks/{webhook.id}"
    assert "whsec_" not in browser.get(path).text
    assert "whsec_" not in browser.get(f"{path}/secret").text
    answer = browser.submit(f"{path}/secret")
    assert services.show_secret(webhook, by=admin) in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    for event in db.session.scalars(select(AuditEvent)):
        assert "whsec_" not in f"{event.changes} {event.details}"


def test_a_secret_that_no_key_decrypts_can_be_rotated(browser, admin):
    webhook = make_webhook(URL, SUSPENDED)
    webhook.encrypted = "rubbish"
    db.session.commit()
    path = f"/admin/webhooks/{webhook.id}"
    page = browser.submit(f"{path}/secret", follow_redirects=True).text
    assert "The secret cannot be decrypted" in page
    assert "no key decrypts: 1." in slots.secrets_can_be_decrypted().problem

    browser.submit(f"{path}/rotate-secret")
    db.session.refresh(webhook)
    assert webhook.former_until is None
    assert services.show_secret(webhook, by=admin).startswith("whsec_")
    assert slots.secrets_can_be_decrypted() is None


def test_a_stale_sign_in_confirms_first(browser, admin):
    webhook = make_webhook(URL, SUSPENDED)
    for session in db.session.scalars(admin.sessions.select()):
        session.authenticated_at = now() - timedelta(days=1)
    db.session.commit()
    for path in ("new", *(f"{webhook.id}/{one}" for one in ("edit", "secret", "delete"))):
        assert "/account/reauthenticate" in browser.get(f"/admin/webhooks/{path}").location


def test_the_log_shows_deliveries_by_webhook_and_state(browser):
    webhook, other = make_webhook(URL, name="Books"), make_webhook(URL, name="Stock")
    failed = make_delivery(webhook, state="failed", status=500, error="The server answered 500.")
    make_delivery(other, state="sent", status=204)
    page = browser.get(f"/admin/webhooks/deliveries?webhook={webhook.id}").text
    assert f'href="/admin/webhooks/deliveries/{failed.id}"' in page
    assert "The server answered 500." in page
    assert page.count('class="row-link"') == 1
    assert browser.get("/admin/webhooks/deliveries?state=sent").text.count('class="row-link"') == 1
    assert "Nothing was sent" not in browser.get(f"/admin/webhooks/{webhook.id}").text


def test_a_delivery_shows_request_and_answer_and_is_sent_again(browser):
    delivery = make_delivery(make_webhook(URL), state="failed", status=500, answer="<b>oops</b>")
    path = f"/admin/webhooks/deliveries/{delivery.id}"
    page = browser.get(path).text
    assert "&lt;b&gt;oops&lt;/b&gt;" in page
    assert "&#34;type&#34;: &#34;test&#34;" in page
    assert delivery.message_id in page

    assert (
        "queued again"
        in browser.submit(f"{path}/send-again", form_at=path, follow_redirects=True).text
    )
    assert deliveries()[0].state == "pending"


def test_pausing_testing_and_resuming(browser):
    webhook = make_webhook(URL, SUSPENDED)
    path = f"/admin/webhooks/{webhook.id}"
    for action, state in (("pause", "paused"), ("resume", "active")):
        browser.submit(f"{path}/{action}", form_at=path)
        db.session.refresh(webhook)
        assert webhook.state == state
    answer = browser.submit(f"{path}/test", form_at=path)
    assert answer.location == f"/admin/webhooks/deliveries/{deliveries()[0].id}"


def test_the_dashboard_and_doctor_tell_of_troubles(browser, app, monkeypatch):
    make_webhook(URL, SUSPENDED)
    assert "webhooks-card" not in browser.get("/admin/").text
    assert slots.deliveries_go_out() is None
    make_webhook(URL, SUSPENDED, failing_since=now())
    make_webhook(URL, SUSPENDED, state="off", failing_since=now())
    assert maintenance.count_troubles() == {"off": 1, "failing": 1}
    assert "webhooks-card" in browser.get("/admin/").text
    assert "servers failed: 1." in slots.deliveries_go_out().problem

    make_delivery(make_webhook(URL, SUSPENDED), next_try_at=now() - timedelta(hours=1))
    assert "overdue: 1." in slots.deliveries_go_out().problem

    assert slots.private_hosts_are_refused() is None
    monkeypatch.setitem(app.config, "WEBHOOK_PRIVATE_HOSTS", True)
    assert slots.private_hosts_are_refused() is None
    monkeypatch.setitem(app.config, "PRODUCTION", True)
    assert "private network" in slots.private_hosts_are_refused().problem


def test_a_form_that_another_administrator_overtook_is_not_saved_unseen(browser, admin):
    webhook = make_webhook(URL, SUSPENDED)
    path = f"/admin/webhooks/{webhook.id}/edit"
    (seen,) = re.findall(r'name="seen"[^>]*value="([^"]*)"', browser.get(path).text)
    services.change(webhook, services.WebhookValues("Books", URL, True), by=admin)
    data = {"name": "Stock", "url": URL, "wants_all": "y", "seen": html.unescape(seen)}
    answer = browser.submit(path, data)
    assert answer.status_code == 409
    assert "This was changed while you were editing" in answer.text
    db.session.refresh(webhook)
    assert webhook.name == "Books"
