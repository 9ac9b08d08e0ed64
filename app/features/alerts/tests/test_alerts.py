"""Test which problems are told, to which users, and how often."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from socket import create_server

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update

from app.extensions import db
from app.features.alerts import alerting, certificates
from app.features.health.services.check import Check
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import Permission
from tests.factories import make_role, make_user


def mails() -> list[EmailMessage]:
    rows = select(EmailMessage).where(EmailMessage.message == "alert")
    return list(db.session.scalars(rows.order_by(EmailMessage.id)))


@pytest.fixture
def failed_jobs(redis, add_job) -> None:
    add_job()
    add_job(task="sweep_outbox")


def test_users_who_look_after_the_queue_are_told_once_an_hour(app, failed_jobs):
    make_role("Operator", permissions=int(Permission.MANAGE_JOBS))
    make_role("Editor", permissions=int(Permission.MANAGE_USERS))
    operator = make_user(role="Operator")
    make_user(role="Editor")
    make_user(role="Administrator", suspended=True)

    assert {"tasks", "worker"} <= set(alerting.tell_managers())
    assert [mail.recipient for mail in mails()] == [operator.email]
    problems = {name: text for name, text, _ in mails()[0].context["problems"]}
    assert problems["tasks"] == "2 tasks failed in the last day: drain_outbox, sweep_outbox."
    assert alerting.tell_managers() == []

    hour_ago = now() - timedelta(hours=1, seconds=1)
    db.session.execute(update(EmailMessage).values(created_at=hour_ago))
    assert "tasks" in alerting.tell_managers()


def test_a_new_problem_is_reported_although_another_one_was(app, redis, add_job):
    make_user(role="Administrator")
    first = alerting.tell_managers()
    assert "tasks" not in first
    add_job()
    assert alerting.tell_managers() == ["tasks"]


def test_nothing_is_written_while_all_mail_waits_for_an_operator(app):
    """The mail about it would wait as well, and another each hour."""
    make_user(role="Administrator")
    alerting.tell_managers()
    db.session.execute(update(EmailMessage).values(needs_operator=True, last_error="535"))
    assert "mail" not in alerting.tell_managers()


def test_workers_that_look_at_once_write_one_mail(race, monkeypatch):
    """As without Redis, where nothing else keeps two workers from the same task."""
    make_user(role="Administrator")
    together = threading.Barrier(4)

    def checks() -> list[Check]:
        together.wait(30)
        return [Check("x", problem="A", hint="B")]

    monkeypatch.setattr(alerting.health, "checks", checks)
    results = race(*[alerting.tell_managers] * 4)
    assert sorted(results) == [[], [], [], ["x"]]
    assert len(mails()) == 1


@contextmanager
def server(folder: Path, days: int) -> Iterator[tuple[int, ssl.SSLContext]]:
    """Serve a certificate that ends in `days`, and return the port and a context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - timedelta(days=90))
        .not_valid_after(now() + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                pass  # The client refuses the certificate, or closes.

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], ssl.create_default_context(cafile=str(pem))
        thread.join()


def test_a_certificate_that_ends_soon_is_found(tmp_path):
    with server(tmp_path, days=60) as (port, trusting):
        assert certificates.examine("localhost", port, trusting) is None
    with server(tmp_path, days=5) as (port, trusting):
        found = certificates.examine("localhost", port, trusting)
    assert found is not None
    assert found.problem == "The certificate of localhost ends in 5 days."


def test_a_certificate_that_browsers_refuse_is_found(tmp_path):
    with server(tmp_path, days=60) as (port, _):
        found = certificates.examine("localhost", port)
    assert found is not None
    assert "is refused: self-signed certificate" in found.problem


def test_a_server_that_cannot_be_reached_is_no_finding():
    assert certificates.examine("127.0.0.1", 1) is None


def test_a_server_without_tls_is_no_finding(tmp_path):
    with create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.recv(2000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert certificates.examine("localhost", port) is None
        thread.join()
