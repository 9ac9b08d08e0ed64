"""Send mail to a real mail server, and handle the errors of that server."""

import socket
import time
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
from aiosmtpd.smtp import SMTP
from sqlalchemy import select

from app import emails
from app.extensions import db
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.composing import compose
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.errors import Misconfigured, RefusedForGood
from app.kit.mail.transport import connect
from tests import mails
from tests.queue.support import CERTIFICATE, authenticator, free_port, tls_context


@pytest.fixture
def use(app, monkeypatch):
    """Return a function that sets the mail settings for this test."""

    def configure(mail_server, **settings):
        monkeypatch.setitem(app.config, "MAIL_TRANSPORT", "smtp")
        values = {"server": "127.0.0.1", "port": mail_server and mail_server.port, "use_tls": False}
        for name, value in {**values, **settings}.items():
            if name.isupper():
                monkeypatch.setitem(app.config, name, value)
            else:
                monkeypatch.setattr(app.extensions["mail"], name, value)

    return configure


@pytest.fixture
def row(make_user):
    """Return a mail to send."""
    user = make_user(email="ada@example.com")
    row = emails.send_password_changed(user)
    outbox.commit_and_notify(row)
    return row


def deliver(row):
    state = mails.deliver(row.id)
    db.session.refresh(row)
    return state


def due_in(row) -> float:
    return round((row.next_try_at - now()).total_seconds())


def come_due(row):
    row.next_try_at = now() - timedelta(seconds=1)
    db.session.commit()


def test_a_mail_has_what_a_mail_needs(use, smtp, row):
    use(smtp)
    assert deliver(row) == "sent"
    (mail,) = smtp.mails

    assert mail["To"] == "ada@example.com"
    assert mail["From"] == "Example App <no-reply@localhost>"
    assert mail["Subject"] == "[Example App] Your password was changed"
    assert mail["Message-ID"] == row.message_id
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs(mail["Date"].datetime - now()) < timedelta(minutes=1)
    assert row.sent_at is not None
    assert row.subject == mail["Subject"]


def content(mail, kind):
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n").removesuffix("\n")


def test_lines_of_any_length_and_any_characters_arrive_as_written(use, smtp, app):
    use(smtp)
    line = "<p>" + "ä😀.\u2028 = " * 4000 + "</p>"
    text = f"{line}\n.\n..dots\nFrom here\n" + "x" * 5000
    mime = compose(
        recipient="a@example.com", subject="s", text=text, html=line, message_id="<1@localhost>"
    )
    with connect() as transport:
        transport.send(mime)
    (mail,) = smtp.mails

    assert content(mail, "plain") == text
    assert content(mail, "html") == line
    assert max(map(len, mime.as_bytes().split(b"\r\n"))) < 100


@pytest.mark.parametrize(
    "subject",
    [
        "Zoë <b>bold</b> & \"quoted\" 'single'",
        "😀" * 60,
        "日本語の件名" * 20,
        "=?utf-8?q?not_encoded?=",
        "x" * 300,
        "مرحبا, ünïcödé: a; b",
        "Äöü " * 40 + "z",
    ],
)
def test_a_subject_arrives_as_typed(use, smtp, app, subject):
    use(smtp)
    mime = compose(
        recipient="a@example.com", subject=subject, text="t", html="h", message_id="<1@localhost>"
    )
    with connect() as transport:
        transport.send(mime)

    assert smtp.mails[0]["Subject"] == subject


@pytest.mark.parametrize(
    "recipient",
    [
        "a@example.com, b@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\nBcc: b@example.com",
        "<a@example.com> b@example.com",
        "a@example.com;b@example.com",
        "group: a@example.com;",
        "a b@example.com",
        "mıke@example.com",
        "a@",
        "@example.com",
        "",
        "a@exa mple.com",
        "\x00a@example.com",
    ],
)
def test_a_recipient_is_one_address_or_refused(app, recipient):
    with pytest.raises(RefusedForGood):
        compose(recipient=recipient, subject="s", text="t", html="h", message_id="<1@localhost>")


def test_the_name_of_the_sender_arrives_as_configured(use, app):
    name = "Zoës Bücherei, " * 8 + "GmbH"
    use(None, default_sender=(name, "books@example.com"))
    mime = compose(
        recipient="a@example.com", subject="s", text="", html="", message_id="<1@localhost>"
    )

    # The newer parser of the standard library adds spaces to names that span several lines.
    raw = message_from_bytes(mime.as_bytes())["From"]
    assert str(make_header(decode_header(raw))) == f"{name} <books@example.com>"


@pytest.mark.parametrize("subject", ["a\r\nBcc: b@example.com", "a\nb", "a\rb"])
def test_a_subject_cannot_become_a_header(app, subject):
    with pytest.raises(RefusedForGood):
        compose(
            recipient="a@example.com", subject=subject, text="", html="", message_id="<1@localhost>"
        )


def test_a_domain_of_another_script_is_written_in_ascii(app):
    mime = compose(
        recipient="a@bücher.example", subject="s", text="", html="", message_id="<1@localhost>"
    )
    assert mime["To"] == "a@xn--bcher-kva.example"


def test_a_sender_that_is_none_is_for_the_operator(app, use, smtp):
    use(smtp, default_sender="nobody")
    with pytest.raises(Misconfigured):
        compose(recipient="a@b.example", subject="s", text="", html="", message_id="<1@localhost>")


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        ("rcpt 550 no such mailbox", "failed"),
        ("data 554 no spam", "failed"),
        ("rcpt 450 try again", "pending"),
        ("data 451 local error", "pending"),
    ],
)
def test_a_refusal_is_final_only_if_the_server_says_so(use, smtp, row, refusal, state):
    """F9, F10"""
    use(smtp)
    smtp.script.append(refusal)

    assert deliver(row) == state
    assert refusal.partition(" ")[2] in row.last_error
    assert row.attempts == 1
    assert smtp.mails == []


def test_retries_come_later_and_later_and_then_end(use, smtp, row):
    """F9"""
    use(smtp)
    waits = []
    for _ in range(7):
        smtp.script.append("data 451 later")
        come_due(row)
        if deliver(row) == "pending":
            waits.append(due_in(row))
        assert mails.deliver(row.id) is None

    assert waits == [10, 60, 300, 1800, 7200, 21600]
    assert row.state == "failed"
    assert outbox.sweep() == 0


def test_a_connection_that_breaks_after_the_mail_gives_at_most_one_copy_with_the_same_id(
    use, smtp, row
):
    """F12"""
    use(smtp)
    smtp.script.append("drop")
    assert deliver(row) == "pending"
    come_due(row)
    assert deliver(row) == "sent"

    assert [mail["Message-ID"] for mail in smtp.mails] == [row.message_id] * 2


def test_a_server_that_is_not_there_is_tried_again(use, row):
    """F9"""
    use(None, port=free_port())
    assert deliver(row) == "pending"
    assert due_in(row) == 10
    assert "cannot be reached" in row.last_error


@pytest.mark.timing
def test_a_server_that_never_answers_is_left_after_the_timeout(use, row):
    """F11"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(None, port=silent.getsockname()[1], MAIL_TIMEOUT=1)
        began = time.monotonic()
        assert deliver(row) == "pending"

    assert 0.9 < time.monotonic() - began < 4
    assert "timed out" in row.last_error


def test_without_a_server_the_operator_is_notified(use, row, caplog):
    use(None, server="", port=25)
    assert deliver(row) == "pending"
    assert due_in(row) == 300
    assert row.last_error == "MAIL_SERVER is not set."
    assert "no other can be" in caplog.text


def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_said(
    use, make_mail_server, row
):
    server = make_mail_server(tls_context=tls_context())
    use(server, use_tls=True)
    assert deliver(row) == "pending"
    assert due_in(row) == 300
    assert "cannot be trusted" in row.last_error
    assert server.mails == []


def test_a_certificate_that_is_trusted_and_of_this_host_will_do(use, make_mail_server, row):
    server = make_mail_server(tls_context=tls_context())
    use(server, use_tls=True, server="localhost", MAIL_CA_FILE=str(CERTIFICATE))
    assert deliver(row) == "sent"


def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for(use, smtp, row):
    use(smtp, use_tls=True)
    assert deliver(row) == "pending"
    assert smtp.mails == []


def test_the_certificates_of_the_system_are_read_for_tls_alone(use, smtp, row, monkeypatch):
    def fail(**_options):
        raise AssertionError("The certificates of the system are read.")

    monkeypatch.setattr("ssl.create_default_context", fail)
    use(smtp)
    assert deliver(row) == "sent"


def test_tls_from_the_first_byte(use, make_mail_server, row):
    server = make_mail_server(ssl_context=tls_context())
    use(server, use_ssl=True, use_tls=True, MAIL_CA_FILE=str(CERTIFICATE))
    assert deliver(row) == "sent"


def test_a_refused_password_is_retried_later_and_reported_to_the_operator(
    use, make_mail_server, row, caplog
):
    """F10"""
    server = make_mail_server(
        tls_context=tls_context(), auth_required=True, authenticator=authenticator
    )
    use(
        server,
        use_tls=True,
        username="app",
        password="a secret of ours",
        MAIL_CA_FILE=str(CERTIFICATE),
    )
    assert deliver(row) == "pending"
    assert due_in(row) == 300
    assert "535" in row.last_error
    assert "a secret of ours" not in caplog.text + row.last_error
    for _ in range(10):
        come_due(row)
        assert deliver(row) == "pending"
    row.created_at = now() - timedelta(days=4)
    come_due(row)
    assert deliver(row) == "failed"


def test_a_mailbox_that_refuses_does_not_hold_up_the_others(use, smtp, make_user):
    use(smtp)
    rows = [emails.send_password_changed(make_user()) for _ in range(4)]
    outbox.commit_and_notify(*rows)
    smtp.script.extend(["", "rcpt 450 busy", "rcpt 550 gone", ""])
    outbox.sweep(include_new=True)

    states = db.session.scalars(select(EmailMessage.state).order_by(EmailMessage.id)).all()
    assert states == ["sent", "pending", "failed", "sent"]
    assert smtp.connections == 1


def test_a_sweep_ends_when_the_server_is_away(use, make_user):
    use(None, port=free_port())
    outbox.commit_and_notify(*[emails.send_password_changed(make_user()) for _ in range(3)])

    assert outbox.sweep(include_new=True) == 1


def test_a_connection_that_went_stale_is_opened_again(use, smtp, make_user):
    use(smtp)
    rows = [emails.send_password_changed(make_user()) for _ in range(2)]
    outbox.commit_and_notify(*rows)
    with connect() as transport:
        assert mails.deliver(rows[0].id, transport) == "sent"
        transport._smtp.sock.shutdown(socket.SHUT_RDWR)
        assert mails.deliver(rows[1].id, transport) == "sent"

    assert smtp.connections == 2


def test_a_mail_refused_before_its_content_does_not_spoil_the_next(
    use, smtp, make_user, monkeypatch
):
    """Without RSET, the server takes the next sender for a second sender of the same mail."""
    refusals = ["451 later"]
    usual = SMTP.smtp_DATA

    async def data(server, argument):
        if refusals:
            await server.push(refusals.pop())
        else:
            await usual(server, argument)

    monkeypatch.setattr(SMTP, "smtp_DATA", data)
    use(smtp)
    rows = [emails.send_password_changed(make_user()) for _ in range(2)]
    outbox.commit_and_notify(*rows)
    with connect() as transport:
        states = [mails.deliver(row.id, transport) for row in rows]

    assert states == ["pending", "sent"]
    assert smtp.connections == 1


@pytest.mark.parametrize(
    "settings",
    [{"server": "mail..example.com"}, {"username": "app", "password": "pässword"}],
)
def test_settings_that_cannot_be_sent_are_for_the_operator_and_lose_no_mail(
    use, make_mail_server, row, settings
):
    use(make_mail_server(auth_require_tls=False), **settings)

    assert deliver(row) == "pending"
    assert row.needs_operator
    assert row.last_error.startswith("MAIL_SERVER, MAIL_USERNAME or MAIL_PASSWORD")


def test_deferred_mails_are_retried_soon_once_a_new_mail_was_sent(use, smtp, make_user):
    use(None, server="", port=25)
    waiting = emails.send_password_changed(make_user())
    outbox.commit_and_notify(waiting)
    for _ in range(7):
        come_due(waiting)
        assert deliver(waiting) == "pending"
    assert due_in(waiting) > 3600

    use(smtp)
    outbox.commit_and_notify(emails.send_password_changed(make_user()))
    assert outbox.drain() == 1
    db.session.refresh(waiting)
    assert 240 < due_in(waiting) <= 300


def test_a_mail_that_waits_for_the_operator_says_so_until_it_is_sent(use, smtp, make_user):
    use(None, server="", port=25)
    rows = [emails.send_password_changed(make_user()) for _ in range(2)]
    outbox.commit_and_notify(*rows)
    for row in rows:
        assert deliver(row) == "pending"
    assert [row.needs_operator for row in rows] == [True, True]

    use(smtp)
    come_due(rows[0])
    assert deliver(rows[0]) == "sent"
    assert not rows[0].needs_operator
    assert due_in(rows[1]) == 0
    assert outbox.sweep() == 1
