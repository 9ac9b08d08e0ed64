"""Test the pages of the outbox."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from itertools import chain

import pytest

from app import emails
from app.extensions import db
from app.features.mailbox import outbox_pages
from app.kit import tokens
from app.kit.database import now
from app.kit.mail import recipients
from app.kit.mail.dead_links import without_links
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.tables import asked
from app.models import User
from tests import mails
from tests.support import module_of, needs

invitation_mails = module_of("invitations", "emails")

HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}"


@pytest.fixture
def add_mail(make_user):
    def add(state="pending", **values):
        user = make_user(confirmed=False, **values.pop("user", {}))
        row = emails.send_confirm(user)
        row.state = state
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()
        return row

    return add


def ids(response):
    return [
        int(found)
        for found in re.findall(r'class="row-link" href="/admin/emails/(\d+)"', response.text)
    ]


# The list


def test_mails_are_listed_newest_first_and_found_by_state_and_recipient(manager, add_mail):
    first = add_mail("sent", user={"email": "ada@example.com"})
    second = add_mail("failed", user={"email": "bob@example.com"}, last_error="550 no such user")

    assert ids(manager.get("/admin/emails")) == [second.id, first.id]
    assert ids(manager.get("/admin/emails?state=failed")) == [second.id]
    assert ids(manager.get("/admin/emails?recipient=ADA@example.com")) == [first.id]
    assert ids(manager.get("/admin/emails?recipient=bo")) == [second.id]
    assert ids(manager.get("/admin/emails?recipient=100%25")) == []
    page = manager.get("/admin/emails?state=%3Cb%3E&page=-1")
    assert ids(page) == [second.id, first.id]
    assert "“&lt;b&gt;” is no state of a mail, so every mail is shown." in page.text
    assert "“-1” is no page of the list, so the first is shown." in page.text
    assert "so every mail" not in manager.get("/admin/emails?state=&page=1").text
    assert "550 no such user" in manager.get("/admin/emails").text
    assert "No mail matches" in manager.get("/admin/emails?recipient=zoe").text


def test_an_empty_outbox_says_so(manager):
    assert "No mail yet" in manager.get("/admin/emails").text
    assert "No mail has failed" in manager.get("/admin/emails?state=failed").text


def test_the_list_is_paged_and_asks_the_database_little(manager, add_mail, monkeypatch):
    monkeypatch.setattr(asked, "PER_PAGE_CHOICES", (2, 50, 100))
    rows = [add_mail() for _ in range(5)]
    pages = [ids(manager.get(f"/admin/emails?per_page=2&page={number}")) for number in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert list(chain(*pages)) == [row.id for row in reversed(rows)]


@needs("invitations")
def test_a_mail_that_was_not_rendered_yet_has_a_subject(app, manager, add_mail, make_user):
    add_mail()
    invited, inviter = make_user(invited=True), make_user(first_name=HOSTILE)
    db.session.add(invitation_mails.send_invite(invited, inviter))
    row = emails.send_password_changed(make_user())
    row.message = "one_that_was_removed"
    db.session.commit()
    page = manager.get("/admin/emails").text

    assert "Confirm your email address" in page
    assert "invited you to" in page
    assert "One that was removed" in page
    assert "<script>alert" not in page


def test_a_failed_mail_shows_on_the_dashboard(client, admin, add_mail):
    add_mail("failed")
    client.enter(admin)
    assert 'href="/admin/emails?state=failed"' in client.get("/admin/").text


# The preview


def snapshot():
    db.session.expire_all()
    return [
        (user.id, user.reset_message_id, user.invite_message_id) for user in User.query.all()
    ], [(row.id, row.user_id, row.state, row.subject) for row in EmailMessage.query.all()]


@needs("invitations")
def test_a_preview_holds_no_live_link_and_changes_nothing(app, manager, make_user):
    user, invited = make_user(email="ada@example.com"), make_user(invited=True)
    waiting = make_user(confirmed=False)
    user.pending_email = "new@example.com"
    rows = [
        emails.send_confirm(waiting),
        emails.send_change_email(user, "new@example.com"),
        emails.send_reset_password("ada@example.com"),
        invitation_mails.send_invite(invited),
    ]
    db.session.commit()
    before = snapshot()
    for row in rows:
        page = manager.get(f"/admin/emails/{row.id}")
        frame = manager.get(f"/admin/emails/{row.id}/html")
        assert page.status_code == frame.status_code == 200
        assert tokens.WITHHELD in page.text
        assert tokens.WITHHELD in frame.text
        assert "href" not in frame.text
        assert not re.search(r"[\w-]{20,}\.[\w-]{43}", page.text + frame.text)
    assert snapshot() == before


def test_a_mail_of_a_cloner_cannot_leak_a_link_by_its_preview(app, admin):
    """The token generator withholds tokens, even from messages that make their links themselves."""
    with tokens.withheld():
        assert admin.generate_password_reset_token() == tokens.WITHHELD
        assert admin.generate_confirmation_token() == tokens.WITHHELD
    assert admin.generate_password_reset_token() != tokens.WITHHELD
    assert tokens.read("reset_password", tokens.WITHHELD) is None


def test_a_mail_that_has_lost_its_purpose_is_still_shown(manager, add_mail):
    row = add_mail("sent")
    db.session.get(User, row.user_id).confirmed = True
    db.session.commit()
    assert tokens.WITHHELD in manager.get(f"/admin/emails/{row.id}").text


def test_a_mail_to_someone_who_is_gone_says_why_it_cannot_be_shown(manager, add_mail):
    row = add_mail("sent", subject="Confirm your email address")
    db.session.delete(db.session.get(User, row.user_id))
    db.session.commit()
    page = manager.get(f"/admin/emails/{row.id}")

    assert "the account no longer exists" in page.text
    assert "<iframe" not in page.text
    assert manager.get(f"/admin/emails/{row.id}/html").data == b""


def test_a_mail_that_cannot_be_rendered_breaks_no_page(manager, add_mail):
    row = add_mail(message="one_that_was_removed")
    assert "rendering it fails (KeyError)" in manager.get(f"/admin/emails/{row.id}").text


def test_hostile_names_are_shown_as_typed(manager, add_mail):
    row = add_mail(
        "failed", user={"first_name": HOSTILE, "last_name": '"><img src=x>'}, last_error=HOSTILE
    )
    for path in ("", "/html", "/resend"):
        page = manager.get(f"/admin/emails/{row.id}{path}").text
        assert "<script>alert" not in page
        assert "<img src=x>" not in page


def test_the_frame_can_do_nothing_but_be_looked_at(manager, add_mail):
    row = add_mail()
    frame = manager.get(f"/admin/emails/{row.id}/html")
    policy = frame.headers["Content-Security-Policy"]
    page = manager.get(f"/admin/emails/{row.id}")

    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox")
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert frame.headers["Cache-Control"] == "no-store"
    assert 'sandbox=""' in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]


def test_links_are_shown_but_dead():
    html = (
        '<!doctype html><base href="https://evil.example"><meta http-equiv="Refresh" content="0">'
        '<a class="b" href="https://a.example/?x=1&amp;y=%22" onclick="x()" target="_top">Go</a>'
        '<a href=javascript:alert(1)>x</a><svg><a xlink:href="https://b.example">y</a></svg>'
        "<form action=/x><button>z</button></form><!-- <a href='/c'> --><p>1 &lt; 2 &#38; 3</p>"
    )
    shown = without_links(html)

    class Links(HTMLParser):
        def handle_starttag(self, tag, attrs):
            names = {name for name, _ in attrs}
            assert not {"href", "xlink:href", "onclick", "target", "action"} & names, (tag, attrs)
            assert tag not in {"base", "meta", "form", "button"}

    Links().feed(shown)
    assert 'title="https://a.example/?x=1&amp;y=%22"' in shown
    assert "<p>1 &lt; 2 &#38; 3</p>" in shown
    assert shown.startswith("<!doctype html>")


# Resend


@pytest.mark.parametrize("state", ["failed", "cancelled", "sent"])
def test_a_mail_is_sent_again(manager, outbox, add_mail, state):
    row = add_mail(
        state, attempts=7, last_error="550 no", sent_at=now() if state == "sent" else None
    )
    identity = row.message_id
    assert row.recipient in manager.get(f"/admin/emails/{row.id}/resend").text
    manager.submit(f"/admin/emails/{row.id}/resend")

    assert (row.state, row.attempts, row.last_error) == ("pending", 0, "")
    (mail,) = outbox.deliver()
    db.session.expire_all()
    assert row.state == "sent"
    assert row.sent_at is not None
    assert mail["To"] == row.recipient
    # A copy sent on purpose is a new mail, but a retry after failures is the same mail.
    assert (mail["Message-ID"] == identity) is (state != "sent")


def test_a_mail_that_is_resent_is_offered_to_the_worker(manager, add_mail, redis, task_queue):
    row = add_mail("failed")
    manager.submit(f"/admin/emails/{row.id}/resend")

    (job,) = task_queue.jobs
    assert job.func_name == "drain_outbox"


def test_a_mail_is_resent_also_when_redis_is_away(app, manager, add_mail, redis, redis_server):
    row = add_mail("failed")
    redis_server.freeze()
    try:
        manager.submit(f"/admin/emails/{row.id}/resend")
    finally:
        redis_server.thaw()
    assert row.state == "pending"


def test_a_resent_mail_is_no_bulk_mail(add_mail, admin):
    row = add_mail("failed", is_bulk=True)
    outbox_pages.resend(row.id, by=admin)

    assert not row.is_bulk


def test_two_resends_at_once_send_one_mail(add_mail, admin):
    row = add_mail("failed")
    outbox_pages.resend(row.id, by=admin)
    with pytest.raises(outbox_pages.TooLate):
        outbox_pages.resend(row.id, by=admin)
    db.session.expire_all()
    assert row.state == "pending"


def test_a_mail_that_waits_for_a_retry_is_sent_at_once_when_asked_for(manager, outbox, add_mail):
    """After the cause is fixed, an administrator need not wait hours for the retry."""
    row = add_mail(
        "pending", attempts=6, needs_operator=True, next_try_at=now() + timedelta(hours=6)
    )
    assert "Send again" in manager.get(f"/admin/emails/{row.id}").text

    manager.submit(f"/admin/emails/{row.id}/resend")

    assert len(outbox.deliver()) == 1
    db.session.expire_all()
    assert row.state == "sent"


@pytest.mark.parametrize(("state", "attempts"), [("pending", 0), ("sending", 1)])
def test_a_mail_that_is_being_sent_is_not_resent(manager, add_mail, state, attempts):
    row = add_mail(state, attempts=attempts)
    page = manager.submit(f"/admin/emails/{row.id}/resend", follow_redirects=True)

    assert "nothing was done" in page.text
    assert (row.state, row.attempts) == (state, attempts)


def test_all_failed_mails_are_sent_again(manager, outbox, add_mail):
    failed = [add_mail("failed") for _ in range(3)]
    cancelled = add_mail("cancelled")
    assert "Send 3 failed mails again?" in manager.get("/admin/emails/resend-failed").text
    page = manager.submit("/admin/emails/resend-failed", follow_redirects=True)

    assert "3 mails are on the way again." in page.text
    assert len(outbox.deliver()) == 3
    db.session.expire_all()
    assert {row.state for row in failed} == {"sent"}
    assert cancelled.state == "cancelled"


# Cancel


def test_a_mail_that_waits_is_cancelled(manager, outbox, add_mail):
    row = add_mail()
    manager.submit(f"/admin/emails/{row.id}/cancel")

    assert row.state == "cancelled"
    assert outbox.deliver() == []


def test_a_mail_that_a_worker_has_is_not_cancelled(add_mail, admin):
    row = add_mail()

    class Transport:
        is_reachable = True
        sent = 0

        def send(self, mime):
            with pytest.raises(outbox_pages.TooLate):
                outbox_pages.cancel(row.id, by=admin)
            self.sent += 1

    transport = Transport()
    assert mails.deliver(row.id, transport) == "sent"
    assert transport.sent == 1


def test_a_mail_that_was_cancelled_is_not_sent(add_mail, admin):
    row = add_mail()
    outbox_pages.cancel(row.id, by=admin)
    assert mails.deliver(row.id) is None


def test_a_mail_that_a_worker_has_is_not_offered_to_cancel(manager, add_mail):
    row = add_mail("sending", attempts=1)
    assert "/cancel" not in manager.get(f"/admin/emails/{row.id}").text
    page = manager.submit(f"/admin/emails/{row.id}/cancel", follow_redirects=True)

    assert "nothing was done" in page.text
    db.session.expire_all()
    assert row.state == "sending"


def test_actions_need_a_token_and_a_post(manager, add_mail):
    failed, waiting = add_mail("failed"), add_mail()
    for path in (f"{failed.id}/resend", f"{waiting.id}/cancel", "resend-failed"):
        manager.get(f"/admin/emails/{path}")
        assert manager.post(f"/admin/emails/{path}").status_code == 400
    db.session.expire_all()
    assert (failed.state, waiting.state) == ("failed", "pending")


def test_a_mail_that_is_not_there_is_not_found(manager):
    for number in (1, 2**31 - 1, 2**31, 10**30):
        for path in ("", "/html", "/resend", "/cancel"):
            assert manager.get(f"/admin/emails/{number}{path}").status_code == 404


def test_without_the_permission_no_mail_is_shown(client, make_user, add_mail):
    row = add_mail()
    client.enter(make_user())
    for path in ("", f"/{row.id}", f"/{row.id}/html", f"/{row.id}/resend"):
        assert client.get(f"/admin/emails{path}").status_code == 403
    assert row.state == EmailState.PENDING


def test_the_page_of_a_mail_to_a_suppressed_address_says_so(manager, add_mail, monkeypatch):
    row = add_mail("bounced", last_error="550 no such user")
    assert "/resend" in manager.get(f"/admin/emails/{row.id}").text
    monkeypatch.setattr(recipients, "_lists", [])
    recipients.suppression_list(lambda emails: dict.fromkeys(emails, "it came back"), count=int)

    page = manager.get(f"/admin/emails/{row.id}").text
    assert "No more mail goes to this address" in page
    assert "It came back." in page
    assert "/resend" not in page
    question = manager.get(f"/admin/emails/{row.id}/resend").text
    assert "it came back. The mail would be cancelled again." in question
