"""Test what the reports of mail services change, in the forms that these services document."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select

from app import emails
from app.extensions import db
from app.features.bounces import main, services
from app.features.bounces.models import SuppressedAddress
from app.kit.database import now
from app.kit.doctor import doctor_checks
from app.kit.mail.email_message import EmailMessage, EmailState
from app.models import AuditEvent, User
from tests import factories, mails
from tests.serving_threads import serving
from tests.support import module_of, needs

SECRET = "a-secret-of-the-tests"
ADA = "ada@example.com"


@pytest.fixture
def report(app, client):
    """Return a function that posts a payload of a service, and returns the status."""
    app.config["BOUNCES_TOKEN"] = SECRET

    def post(service: str, payload: Any, secret: str = SECRET) -> int:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        answer = client.post(f"/mail-reports/{service}/{secret}", data=body)
        db.session.expire_all()
        return answer.status_code

    return post


def sent(email: str = ADA, **values: Any) -> EmailMessage:
    row = emails.send_confirm(factories.make_user(email=email, confirmed=False))
    db.session.commit()
    assert mails.deliver(row.id) == EmailState.SENT
    for name, value in values.items():
        setattr(row, name, value)
    db.session.commit()
    return row


def suppressed() -> dict[str, str]:
    return {row.email: row.reason for row in db.session.scalars(select(SuppressedAddress))}


def ses(row, kind="Bounce", lasting="Permanent", **mail):
    told = {
        "Bounce": {
            "bounceType": lasting,
            "bounceSubType": "General",
            "bouncedRecipients": [
                {"emailAddress": row.recipient.upper(), "diagnosticCode": "smtp; 550 5.1.1 no user"}
            ],
            "timestamp": "2099-01-27T14:59:38.237Z",
        },
        "Complaint": {
            "complainedRecipients": [{"emailAddress": row.recipient}],
            "complaintFeedbackType": "abuse",
        },
    }[kind]
    headers = [{"name": "Message-Id", "value": row.message_id}]
    mail = {"messageId": "0000-ses", "headers": headers, **mail}
    event = {"notificationType": kind, kind.lower(): told, "mail": mail}
    return {"Type": "Notification", "Message": json.dumps(event)}


def mailgun(row, event="failed", severity="permanent", reason="bounce"):
    data = {
        "event": event,
        "severity": severity,
        "reason": reason,
        "recipient": row.recipient,
        "delivery-status": {"code": 550, "message": "5.1.1 no user"},
        "message": {"headers": {"message-id": row.message_id.strip("<>")}},
        "timestamp": 4077085200.26,
    }
    return {"signature": {"token": "t", "timestamp": "1", "signature": "s"}, "event-data": data}


def postmark(row, kind="Bounce", inactive=True):
    return {
        "RecordType": kind,
        "Type": "HardBounce" if inactive else "SoftBounce",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Email": row.recipient,
        "Details": "550 5.1.1 no user",
        "BouncedAt": "2099-11-05T16:33:54.9070259Z",
        "Inactive": inactive,
    }


def sendgrid(row, event="bounce", **values):
    return [
        {"event": "open", "email": row.recipient, "timestamp": 1},
        {
            "event": event,
            "email": row.recipient,
            "smtp-id": row.message_id,
            "reason": "550 5.1.1 no user",
            "timestamp": 4077085200,
            **values,
        },
    ]


def dated(payload, at):
    """Return the payload of a service with another time."""
    if isinstance(payload, list):
        return [one | {"timestamp": at.timestamp()} for one in payload]
    if "event-data" in payload:
        return payload | {"event-data": payload["event-data"] | {"timestamp": at.timestamp()}}
    if "Message" in payload:
        event = json.loads(payload["Message"])
        event[event["notificationType"].lower()]["timestamp"] = at.isoformat()
        return payload | {"Message": json.dumps(event)}
    return payload | {"BouncedAt": at.isoformat()}


SERVICES = {"ses": ses, "mailgun": mailgun, "postmark": postmark, "sendgrid": sendgrid}
LASTING = {name: (make, {}) for name, make in SERVICES.items()}
COMPLAINTS = {
    "ses": (ses, {"kind": "Complaint"}),
    "mailgun": (mailgun, {"event": "complained"}),
    "postmark": (postmark, {"kind": "SpamComplaint"}),
    "sendgrid": (sendgrid, {"event": "spamreport"}),
}
PASSING = {
    "ses": (ses, {"lasting": "Transient"}),
    "mailgun": (mailgun, {"reason": "old"}),
    "postmark": (postmark, {"inactive": False}),
    "sendgrid": (sendgrid, {"type": "blocked"}),
}
CHANGES_NOTHING = {
    "ses": (
        lambda _row: {"Type": "Notification", "Message": '{"notificationType": "Delivery"}'},
        {},
    ),
    "mailgun": (mailgun, {"severity": "temporary"}),
    "postmark": (postmark, {"kind": "Delivery"}),
    "sendgrid": (sendgrid, {"event": "deferred"}),
}


def test_each_service_reports_bounces_and_complaints(report):
    """A lasting bounce and a complaint end all mail to the address, other bounces do not."""
    kinds = (
        (LASTING, EmailState.BOUNCED, "bounced"),
        (COMPLAINTS, EmailState.COMPLAINED, "complained"),
        (PASSING, EmailState.BOUNCED, None),
        (CHANGES_NOTHING, EmailState.SENT, None),
    )
    for number, (samples, state, reason) in enumerate(kinds):
        for service, (make, values) in samples.items():
            row = sent(f"{service}{number}@example.com")
            assert report(service, make(row, **values)) == 204
            assert (service, row.state) == (service, state)
            assert suppressed().get(row.recipient) == reason
            if state == EmailState.BOUNCED:
                assert "no user" in row.last_error


def test_no_mail_goes_to_an_address_whose_mail_came_back(report, outbox, manager):
    row = sent()
    report("mailgun", mailgun(row))
    user = db.session.get_one(User, row.user_id)
    before = len(outbox.messages)
    later = emails.send_confirm(factories.make_user(email="other@example.com", confirmed=False))
    again = emails.send_confirm(user)
    db.session.commit()
    assert [one["To"] for one in outbox.deliver()[before:]] == ["other@example.com"]
    assert (again.state, later.state) == (EmailState.CANCELLED, EmailState.SENT)
    assert "came back" in again.last_error

    page = manager.get("/admin/suppressed-addresses")
    assert ADA in page.text
    address = db.session.scalar(select(SuppressedAddress.id))
    manager.submit(f"/admin/suppressed-addresses/{address}/remove")
    assert suppressed() == {}
    assert mails.deliver(again.id) is None  # It stays cancelled.
    once_more = emails.send_confirm(user)
    db.session.commit()
    assert mails.deliver(once_more.id) == EmailState.SENT


def test_a_report_that_comes_twice_changes_nothing(report):
    row = sent()
    for _ in range(2):
        assert report("ses", ses(row)) == 204
    events = select(AuditEvent).where(AuditEvent.action == "suppression.added")
    (event,) = db.session.scalars(events)
    assert (event.actor_label, event.details["service"]) == ("mail service", "ses")
    assert event.subject_label == ADA


def test_a_report_that_comes_again_costs_two_queries_and_no_line_of_the_log(
    report, statements, caplog
):
    """A service repeats a batch of thousands if it gets no answer in time."""
    batch = sendgrid(sent())[1:]
    assert report("sendgrid", batch) == 204
    caplog.clear()
    statements.clear()
    assert report("sendgrid", batch * 5) == 204
    assert not [one for one in statements if not one.startswith("SELECT")]
    assert len(statements) <= 2 * 5
    assert not [one for one in caplog.records if "bounced" in one.getMessage()]


def test_a_bounce_that_comes_before_the_worker_noted_the_sending_stays(report):
    """The worker has handed the mail over, and the report overtakes what it writes."""
    row = sent(state=EmailState.SENDING, sent_at=None)
    report("sendgrid", sendgrid(row))
    assert row.state == EmailState.BOUNCED
    assert row.sent_at is not None  # The clean-up goes by this time.


def test_reports_on_mail_of_other_apps_are_skipped(report):
    row = sent()
    told = mailgun(row)
    told["event-data"]["recipient"] = "elsewhere@example.com"
    assert report("mailgun", told) == 204
    told = mailgun(row)
    told["event-data"]["message"]["headers"]["message-id"] = "other-app@example.com"
    assert report("mailgun", told) == 204
    assert suppressed() == {}
    assert row.state == EmailState.SENT


@needs("mailbox")
def test_a_report_that_comes_again_does_not_hit_the_mail_that_was_sent_again(report, manager):
    """The mail has a new Message-ID then."""
    row = sent()
    first = ses(row)
    report("ses", first)
    address = db.session.scalar(select(SuppressedAddress.id))
    manager.submit(f"/admin/suppressed-addresses/{address}/remove")
    manager.submit(f"/admin/emails/{row.id}/resend")
    assert mails.deliver(row.id) == EmailState.SENT
    report("ses", first)
    assert row.state == EmailState.SENT
    assert suppressed() == {}


def test_a_report_on_the_past_does_not_undo_that_an_administrator_allowed_the_address(
    report, manager
):
    """A service repeats reports for days. A complaint since then counts."""

    def allow() -> None:
        address = db.session.scalar(select(SuppressedAddress.id))
        manager.submit(f"/admin/suppressed-addresses/{address}/remove")

    at = now().replace(microsecond=0)
    before, later = (at + timedelta(seconds=seconds) for seconds in (-60, 60))
    kinds = [*LASTING.items(), *COMPLAINTS.items()]
    for number, (service, (make, values)) in enumerate(kinds):
        row, other = (sent(f"{one}{number}@example.com", sent_at=before) for one in "ab")
        other.recipient = row.recipient
        db.session.commit()
        assert report(service, dated(make(row, **values), at)) == 204
        allow()
        for told in (row, other):  # the second one is of another mail, and comes late
            assert report(service, dated(make(told, **values), at)) == 204
            assert suppressed() == {}, service
        assert report(service, dated(make(row, **values), later)) == 204
        assert [*suppressed()] == [row.recipient], service
        allow()


def test_a_report_without_a_time_counts_once(report, manager):
    told = sent(ADA), sent("other@example.com")
    told[1].recipient = ADA
    db.session.commit()
    for row, expected in ((told[0], True), (told[0], False), (told[1], True), (told[1], False)):
        report("ses", ses(row, kind="Complaint"))
        assert bool(suppressed()) is expected
        if expected:
            address = db.session.scalar(select(SuppressedAddress.id))
            manager.submit(f"/admin/suppressed-addresses/{address}/remove")


def test_without_our_message_id_the_newest_mail_before_the_report_is_meant(report):
    row = sent()
    newest = emails.send_confirm(db.session.get_one(User, row.user_id))
    db.session.commit()
    mails.deliver(newest.id)
    told = postmark(row) | {"BouncedAt": row.created_at.isoformat()}
    report("postmark", told)  # before both were sent
    assert (row.state, newest.state) == (EmailState.SENT, EmailState.SENT)
    report("postmark", postmark(row))
    assert (row.state, newest.state) == (EmailState.SENT, EmailState.BOUNCED)


def test_the_url_exists_only_with_the_secret(app, report):
    row = sent()
    for secret in ("wrong", "é", "%00", SECRET + "x", SECRET[:-1]):
        assert report("mailgun", mailgun(row), secret=secret) == 404
    assert report("brevo", mailgun(row)) == 404
    app.config["BOUNCES_TOKEN"] = ""
    assert report("mailgun", mailgun(row)) == 404
    assert row.state == EmailState.SENT


def test_rubbish_gets_a_clear_answer_and_changes_nothing(report):
    row = sent()
    for body in (b"", b"\xff", b"{", b"null", b"1", b'"x"', b"[" * 100_000):
        for service in SERVICES:
            assert report(service, body) == 400, (service, body[:10])
    odd = (1, None, [], {}, "x", True, {"x": [1]}, [[1]], [None])
    for service, make in SERVICES.items():
        for value in odd:
            told = make(row)
            for part in [*told] if isinstance(told, dict) else [0, 1]:
                broken = dict(told) if isinstance(told, dict) else list(told)
                broken[part] = value
                assert report(service, broken) in {204, 400}, (service, part, value)


def test_odd_texts_and_times_are_read(report):
    row = sent()
    assert report("ses", {"Message": "\ud800"}) == 400
    told = ses(row)
    event = json.loads(told["Message"]) | {"mail": {}}
    event["bounce"]["timestamp"] = "0001-01-01T00:00:00+14:00"
    assert report("ses", {"Message": json.dumps(event)}) == 204
    assert row.state == EmailState.BOUNCED


def test_texts_that_no_database_holds_are_cleaned(report):
    row = sent()
    told = mailgun(row)
    told["event-data"]["delivery-status"]["message"] = "\0\ud800" + "long " * 1000
    assert report("mailgun", told) == 204
    assert row.last_error.startswith("long ")
    assert len(row.last_error) <= 1000


class _Sns(BaseHTTPRequestHandler):
    status, asked = 200, [""]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a server that stands for SNS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sns)
    _Sns.status, _Sns.asked = 200, []
    url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(main, "SNS_URL", re.compile(re.escape(url) + r"\S+"))
    with serving(server):
        yield url


def test_the_subscription_of_a_topic_is_confirmed(report, sns):
    question = {"Type": "SubscriptionConfirmation", "SubscribeURL": f"{sns}?Action=Confirm"}
    assert report("ses", question) == 204
    assert _Sns.asked == ["/?Action=Confirm"]
    _Sns.status = 500
    assert report("ses", question) == 503


def test_no_other_host_than_that_of_sns_is_asked(report):
    for url in (
        "http://sns.eu-west-1.amazonaws.com/?x",
        "https://sns.eu-west-1.amazonaws.com.example.com/?x",
        "https://sns.eu-west-1.amazonaws.com@example.com/?x",
        "https://example.com/sns.eu-west-1.amazonaws.com/",
        "https://sns.a.b.amazonaws.com/?x",
        "https://sns.eu-west-1.amazonaws.com/ x",
        None,
        1,
    ):
        question = {"Type": "SubscriptionConfirmation", "SubscribeURL": url}
        assert report("ses", question) == 400, url
    assert main.SNS_URL.fullmatch("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription")


def test_the_page_of_a_user_says_that_no_mail_goes_to_them(report, browser):
    row = sent()
    report("mailgun", mailgun(row))
    page = browser.get(f"/admin/user/{row.user_id}")
    assert "No mail goes to them" in page.text
    assert "5.1.1 no user" in page.text


def test_old_addresses_are_deleted_at_night(app, report):
    row = sent()
    report("mailgun", mailgun(row))
    assert services.purge() == 0
    found = db.session.scalar(select(SuppressedAddress))
    found.created_at = now() - timedelta(days=app.config["KEEP_SUPPRESSED_ADDRESSES"] + 1)
    db.session.commit()
    assert services.purge() == 1
    assert suppressed() == {}


@needs("deletion")
def test_erasing_a_user_deletes_their_mails_that_came_back(app, report):
    row = sent()
    report("mailgun", mailgun(row))
    deletions, row_id = module_of("deletion", "deletions"), row.id
    user = db.session.get_one(User, row.user_id)
    deletions.delete(user, by=None)
    user.deleted_at = now() - timedelta(days=app.config["RESTORE_DELETED_DAYS"] + 1)
    db.session.commit()
    assert deletions.purge() == 1
    db.session.expire_all()
    assert db.session.get(EmailMessage, row_id) is None


def test_a_manager_of_mail_keeps_no_mail_from_an_administrator(admin, manager, report):
    page = manager.submit("/admin/suppressed-addresses/new", {"email": admin.email})
    assert "permissions that you lack" in page.text
    assert suppressed() == {}


def test_doctor_finds_a_secret_that_can_be_guessed(app, monkeypatch):
    check = doctor_checks()["secret of bounces"]
    for secret, is_found in {"": False, SECRET: False, "short": True, f"{SECRET}/x": True}.items():
        monkeypatch.setitem(app.config, "BOUNCES_TOKEN", secret)
        assert (check() is not None) is is_found, secret
