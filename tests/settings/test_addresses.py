"""One rule for email addresses in every place, and sender addresses that arrive unchanged."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.utils import getaddresses

import pytest
from email_validator import EmailNotValidError

import config
from app.kit.mail.composing import compose
from app.kit.mail.transport import connect
from app.kit.mail.writing import new_message_id
from app.kit.many_emails import normalised_email_of_many
from app.kit.user_input import normalised_email
from settings import normalise


@pytest.fixture
def intranet(app, monkeypatch):
    monkeypatch.setitem(app.config, "INTRANET_DOMAINS", [".local", "mailhost"])
    return app


@pytest.mark.parametrize("check", [normalised_email, normalised_email_of_many])
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ada@Corp.LOCAL", "ada@corp.local"),
        (" ada@mailhost ", "ada@mailhost"),
        ("ada@bücher.local", "ada@xn--bcher-kva.local"),
        ("ada@example.com", "ada@example.com"),
    ],
)
def test_the_names_of_an_intranet_are_taken_where_they_are_listed(intranet, check, typed, stored):
    """IN-4"""
    assert check(typed) == stored


@pytest.mark.parametrize("check", [normalised_email, normalised_email_of_many])
@pytest.mark.parametrize(
    "typed",
    [
        *("ada@localhost", "ada@local", "ada@xmailhost", "ада@corp.local"),
        *("a b@corp.local", "a@b@corp.local", "@corp.local"),
        *("a@-x.local", "a@x..local", "a@" + "x" * 64 + ".local", "a@b.local, c@d.local"),
    ],
)
def test_nothing_else_is_taken_for_the_intranets_sake(intranet, check, typed):
    """IN-4"""
    with pytest.raises(EmailNotValidError):
        check(typed)


@pytest.mark.parametrize("typed", ["ada@corp.local", "ada@mailhost"])
def test_without_the_setting_an_intranet_has_no_addresses(app, typed):
    for check in (normalised_email, normalised_email_of_many):
        with pytest.raises(EmailNotValidError):
            check(typed)


def test_a_text_of_any_length_is_refused_at_once(app):
    with pytest.raises(EmailNotValidError, match="too long"):
        normalised_email("x" * 1_000_000 + "@example.com")


# Senders

NAMES = [
    *("Acme, Inc.", "A: B", "A; B", "A < B", "A > B", "A <b@c.d> E", 'The "Best" App', "a@b"),
    *("Fish (and) Chips", "Back\\slash", "O'Hara", "Dot. Com.", "Ünïcode, Inc.", "=?utf-8?q?x?="),
    *("Comma, " * 20 + "end", "x" * 200, "王 さん", "[App]", '"', "(", "Tom <3", "@", ","),
]


def received(app, monkeypatch, variables):
    """Return the sender as a mail program parses it."""
    settings = config.DevelopmentConfig(variables)
    monkeypatch.setattr(app.extensions["mail"], "default_sender", settings.MAIL_DEFAULT_SENDER)
    mime = compose(recipient="ada@example.com", subject="x", text="x", html="x", message_id="<1@x>")
    data = mime.as_bytes()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    # The newer parser of the standard library keeps the spaces between encoded words.
    header = " ".join(message_from_bytes(data)["From"].splitlines())
    (sender,) = getaddresses([header])
    name = str(make_header(decode_header(sender[0])))
    # Parse the header itself, because Python 3.11.2 fails at an IP address after the @.
    local, _, domain = header.rpartition("<")[2].rstrip(">").rpartition("@")
    return Address(name, local, domain)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_the_app_is_the_senders_whatever_is_in_it(app, monkeypatch, name):
    """XS-5"""
    sender = received(app, monkeypatch, {"APP_NAME": name, "APP_URL": "http://app.example.com"})
    assert sender.display_name == name
    assert sender.addr_spec == "no-reply@app.example.com"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quoted", [True, False])
def test_a_senders_name_may_be_quoted_and_need_not_be(app, monkeypatch, name, quoted):
    spec = "no-reply@example.com"
    written = str(normalise.mailbox(spec, name)) if quoted else f"{name} <{spec}>"
    sender = received(app, monkeypatch, {"MAIL_DEFAULT_SENDER": written})
    assert sender.display_name == name
    assert sender.addr_spec == "no-reply@example.com"


@pytest.mark.parametrize(
    ("url", "spec"),
    [
        ("http://bücher.example", "no-reply@xn--bcher-kva.example"),
        ("http://127.0.0.1:5000", "no-reply@[127.0.0.1]"),
        ("http://localhost", "no-reply@localhost"),
    ],
)
def test_the_default_sender_is_at_the_host_of_the_app(app, monkeypatch, url, spec):
    assert received(app, monkeypatch, {"APP_URL": url}).addr_spec == spec


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("http://bücher.example", "xn--bcher-kva.example"),
        ("http://[::1]:5000", "[IPv6:::1]"),
        ("http://127.0.0.1:5000", "[127.0.0.1]"),
    ],
)
def test_mails_name_the_host_as_mail_servers_take_it(app, monkeypatch, url, domain):
    """Message-ID and EHLO; RFC 5321, section 4.1.3."""
    monkeypatch.setitem(app.config, "APP_URL", config.DevelopmentConfig({"APP_URL": url}).APP_URL)
    monkeypatch.setitem(app.config, "MAIL_TRANSPORT", "smtp")
    assert new_message_id().endswith(f"@{domain}>")
    with connect() as transport:
        assert transport.local_hostname == domain
