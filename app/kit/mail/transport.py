"""Deliver mails by SMTP, to files or to memory.

Flask-Mail holds the settings. Its own connection is not used: it has no timeout, accepts any
certificate, and sends lines longer than SMTP allows.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage as Mime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import current_app

from app.kit.mail import files as mail_files
from app.kit.mail.errors import (
    DeliveryError,
    Misconfigured,
    RefusedForGood,
    TemporaryFailure,
    one_line,
)
from settings.normalise import mail_domain

TIMEOUT = 15  # seconds for each answer of the mail server
MAILS_PER_CONNECTION = 100  # many servers close the connection after more


class Transport(Protocol):
    """An open connection that sends mails one after the other."""

    is_reachable: bool  # False after a failure that affects every mail

    def send(self, mime: Mime) -> None:
        """Deliver one mail, or raise a DeliveryError."""


def keep_connection() -> None:
    """Make `connect` reuse one transport until `close_connection` closes it.

    This is for a process that sends many mails and calls `close_connection` in a pause.
    """
    current_app.extensions["mail_kept"] = None


def close_connection() -> None:
    """Close the kept connection. The next mail opens it again."""
    kept = current_app.extensions.get("mail_kept")
    if isinstance(kept, SmtpTransport):
        kept.close()


@contextmanager
def connect() -> Iterator[Transport]:
    """Yield a transport for any number of mails, and close it at the end unless it is kept.

    The connection opens when the first mail is sent.
    """
    if "mail_kept" in current_app.extensions:
        kept = current_app.extensions["mail_kept"] or _transport()
        current_app.extensions["mail_kept"] = kept
        kept.is_reachable = True
        yield kept
        return
    transport = _transport()
    try:
        yield transport
    finally:
        if isinstance(transport, SmtpTransport):
            transport.close()


def _transport() -> Transport:
    config = current_app.config
    state = current_app.extensions["mail"]
    kind = config.get("MAIL_TRANSPORT") or ("memory" if state.suppress else "smtp")
    if kind == "memory":
        return MemoryTransport(current_app.extensions.setdefault("mail_memory", []))
    if kind == "files":
        return FileTransport(mail_files.directory())
    return SmtpTransport(
        server=state.server or "",
        port=state.port,
        starttls=state.use_tls and not state.use_ssl,
        tls=state.use_ssl,
        username=state.username,
        password=state.password,
        ca_file=config.get("MAIL_CA_FILE") or None,
        timeout=config.get("MAIL_TIMEOUT", TIMEOUT),
        # By default, smtplib resolves this machine's host name, which can take long.
        local_hostname=mail_domain(urlsplit(config["APP_URL"]).hostname or "localhost"),
    )


@dataclass
class FileTransport:
    """Writes mails to a folder, for development without a mail server."""

    directory: Path
    is_reachable: bool = True

    def send(self, mime: Mime) -> None:
        try:
            mail_files.store(self.directory, mime.as_bytes())
        except OSError as error:
            raise TemporaryFailure(f"The mail cannot be stored: {one_line(error)}") from error


@dataclass
class MemoryTransport:
    """Keeps mails in a list, for tests."""

    sent: list[Mime]
    is_reachable: bool = True

    def send(self, mime: Mime) -> None:
        # Tests should see the parsed mail that a recipient sees, so it is serialised first.
        self.sent.append(message_from_bytes(mime.as_bytes(), policy=policy.default))


# These errors concern one mail. The server accepts the next one on the same connection.
ABOUT_THIS_MAIL = (
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPDataError,
    UnicodeError,
)


@dataclass
class SmtpTransport:
    """A connection to a mail server that opens on demand and reopens after a loss."""

    server: str
    port: int
    starttls: bool
    tls: bool
    username: str | None
    password: str | None
    ca_file: str | None
    timeout: float
    local_hostname: str
    is_reachable: bool = field(default=True, init=False)
    _smtp: smtplib.SMTP | None = field(default=None, init=False)
    _sent: int = field(default=0, init=False)

    def send(self, mime: Mime) -> None:
        envelope_from = mime["From"].addresses[0].addr_spec
        envelope_to = mime["To"].addresses[0].addr_spec
        try:
            self._ready().sendmail(envelope_from, [envelope_to], mime.as_bytes())
        except ABOUT_THIS_MAIL as error:
            failure = classify(error)
            self.is_reachable = not isinstance(failure, Misconfigured)
            raise failure from error
        except (smtplib.SMTPException, OSError) as error:
            self.is_reachable = False
            self.close()
            raise classify(error) from error
        except BaseException:
            # The SMTP dialogue was interrupted, so the next mail must not reuse the connection.
            self.is_reachable = False
            self.close()
            raise
        self._sent += 1

    def close(self) -> None:
        if self._smtp is not None:
            smtp, self._smtp = self._smtp, None
            with suppress(Exception):
                if smtp.sock is not None:
                    smtp.sock.settimeout(2)
                smtp.quit()
            smtp.close()

    def _ready(self) -> smtplib.SMTP:
        if self._smtp is not None and (
            self._sent >= MAILS_PER_CONNECTION or not self._answers(self._smtp)
        ):
            self.close()
        if self._smtp is None:
            try:
                self._smtp, self._sent = self._open(), 0
            except UnicodeError:
                # The original message contains a part of the password.
                raise Misconfigured(
                    "MAIL_SERVER, MAIL_USERNAME or MAIL_PASSWORD cannot be sent: it is no name of "
                    "a host, or has other characters than ASCII."
                ) from None
        return self._smtp

    def _answers(self, smtp: smtplib.SMTP) -> bool:
        try:
            # RSET also ends a mail whose content the server did not request. smtplib does not.
            return smtp.rset()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def _tls_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def _open(self) -> smtplib.SMTP:
        if not self.server:
            raise Misconfigured("MAIL_SERVER is not set.")
        options: dict[str, Any] = {
            "timeout": self.timeout,
            "local_hostname": self.local_hostname,
        }
        if self.tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                self.server, self.port, context=self._tls_context(), **options
            )
        else:
            smtp = smtplib.SMTP(self.server, self.port, **options)
        try:
            if self.starttls:
                smtp.starttls(context=self._tls_context())
            if self.username:
                smtp.login(self.username, self.password or "")
        except BaseException:
            smtp.close()
            raise
        return smtp


def classify(error: Exception) -> DeliveryError:
    """Convert an error of smtplib or of the network to a DeliveryError."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        return _by_code(
            code, RefusedForGood, f"The recipient was refused: {code} {one_line(reply)}"
        )
    if isinstance(error, smtplib.SMTPResponseException):
        kind, what = REFUSALS.get(type(error), (TemporaryFailure, "The mail server answered"))
        answer = f"{what}: {error.smtp_code} {one_line(error.smtp_error)}"
        return _by_code(error.smtp_code, kind, answer)
    for caught, kind, what in OTHER_ERRORS:
        if isinstance(error, caught):
            return kind(f"{what}: {one_line(error)}")
    return TemporaryFailure(f"The mail server cannot be reached: {one_line(error)}")


# The meaning of each refusal if it is permanent.
REFUSALS: dict[type[Exception], tuple[type[DeliveryError], str]] = {
    smtplib.SMTPAuthenticationError: (Misconfigured, "The user name or password was refused"),
    smtplib.SMTPSenderRefused: (Misconfigured, "The sender was refused"),
    smtplib.SMTPDataError: (RefusedForGood, "The mail was refused"),
}
OTHER_ERRORS: tuple[tuple[type[Exception], type[DeliveryError], str], ...] = (
    (smtplib.SMTPNotSupportedError, Misconfigured, "The mail server cannot do what is set"),
    (ssl.SSLCertVerificationError, Misconfigured, "The mail server cannot be trusted"),
    (UnicodeError, RefusedForGood, "The mail cannot be sent as it is"),
)


def _by_code(code: int, kind: type[DeliveryError], said: str) -> DeliveryError:
    # RFC 5321, section 4.2.1: a 4yz reply is temporary, a 5yz reply is permanent.
    return kind(said) if code >= 500 else TemporaryFailure(said)
