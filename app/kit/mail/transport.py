"""Compose mails and deliver them by SMTP, to files or to memory.

Flask-Mail holds the settings. Its own connection is not used: it has no timeout, accepts any
certificate, and sends lines longer than SMTP allows.
"""

from __future__ import annotations

import smtplib
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.headerregistry import (
    Address,
    BaseHeader,
    HeaderRegistry,
    UniqueSingleAddressHeader,
    UniqueUnstructuredHeader,
)
from email.message import EmailMessage as Mime
from email.policy import Policy
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import current_app

from app.kit.mail import files as mail_files
from settings import normalise
from settings.normalise import mail_domain, mailbox

TIMEOUT = 15  # seconds for each answer of the mail server
MAILS_PER_CONNECTION = 100  # many servers close the connection after more
ERROR_LENGTH = 300


class DeliveryError(Exception):
    """The mail was not accepted. The message may be shown to an administrator."""


class TemporaryFailure(DeliveryError):
    """The server is unreachable or asks to retry later."""


class RefusedForGood(DeliveryError):
    """The server permanently refuses this mail, because the mailbox does not exist, say."""


class Misconfigured(DeliveryError):
    """No mail can be sent until an operator fixes a setting: the password, say."""


class Transport(Protocol):
    """An open connection that sends mails one after the other."""

    is_reachable: bool  # False after a failure that affects every mail

    def send(self, mime: Mime) -> None:
        """Deliver one mail, or raise a DeliveryError."""


# Composing


def compose(
    *, recipient: str, subject: str, text: str, html: str, message_id: str, picture: bytes = b""
) -> Mime:
    """Compose a MIME message with lines that every mail server accepts.

    The HTML refers to `picture`, a JPEG, as `cid:picture`, so that it loads nothing from a server.
    Raises RefusedForGood if the email address is invalid or a header would contain a line break.
    """
    mime = Mime(policy=MAIL_POLICY)
    try:
        mime["Subject"] = subject
        mime["From"] = sender()
        mime["To"] = mailbox(recipient)
        mime["Date"] = format_datetime(datetime.now(UTC))
        mime["Message-ID"] = message_id
        # RFC 3834, section 5: this stops automatic replies, such as holiday notices.
        mime["Auto-Submitted"] = "auto-generated"
        mime["X-Auto-Response-Suppress"] = "All"
        mime.set_content(text, cte="quoted-printable")
        mime.add_alternative(html, subtype="html", cte="quoted-printable")
        if picture:
            related: Any = mime.get_body(("html",))
            related.add_related(picture, "image", "jpeg", cid="<picture>", disposition="inline")
    except (ValueError, MessageError) as error:
        raise RefusedForGood(f"The mail cannot be written: {_one_line(error)}") from None
    return mime


def sender() -> Address:
    """Parse MAIL_DEFAULT_SENDER, which is an email address or `Name <address>`."""
    configured = current_app.extensions["mail"].default_sender or ""
    try:
        if isinstance(configured, tuple):
            name, spec = configured
            return mailbox(spec, name)
        return normalise.sender(configured)
    except ValueError:
        raise Misconfigured("MAIL_DEFAULT_SENDER is not an address.") from None


def encoded_words(text: str) -> str:
    """Encode `text` as RFC 2047 specifies, in lines of at most 76 characters.

    The standard library loses spaces between encoded words when it folds (CPython issue 92081). It
    also takes user input for an encoded word. So this function encodes the whole text or nothing.
    """
    if text.isascii() and "=?" not in text and len(text) < 60:
        return text
    words, word = [], b""
    for character in text:
        encoded = character.encode()
        if len(word) + len(encoded) > 42:
            words.append(word)
            word = b""
        word += encoded
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, word])


class SubjectHeader(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]
    """A subject header that arrives exactly as it was entered."""

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        super().parse(value, kwds)
        kwds["decoded"] = value

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {encoded_words(str(self))}\r\n"


class OneAddressHeader(UniqueSingleAddressHeader, BaseHeader):  # type: ignore[misc]
    """A sender header whose name arrives exactly as it was configured."""

    def fold(self, *, policy: Policy) -> str:
        name, spec = self.address.display_name, self.address.addr_spec
        if (words := encoded_words(name)) != name:
            return f"{self.name}: {words}\r\n <{spec}>\r\n"
        return f"{self.name}: {self.address}\r\n"


class CachedHeaders(HeaderRegistry):
    """A registry that caches header classes, which saves 0.9 of the 2.8 ms for a mail."""

    __getitem__ = lru_cache(HeaderRegistry.__getitem__)


_headers = CachedHeaders()
_headers.map_to_type("subject", SubjectHeader)
_headers.map_to_type("from", OneAddressHeader)
MAIL_POLICY = policy.SMTP.clone(header_factory=_headers)


# Sending


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
            raise TemporaryFailure(f"The mail cannot be stored: {_one_line(error)}") from error


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

    def _open(self) -> smtplib.SMTP:
        if not self.server:
            raise Misconfigured("MAIL_SERVER is not set.")
        context = ssl.create_default_context(cafile=self.ca_file)
        options: dict[str, Any] = {
            "timeout": self.timeout,
            "local_hostname": self.local_hostname,
        }
        if self.tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                self.server, self.port, context=context, **options
            )
        else:
            smtp = smtplib.SMTP(self.server, self.port, **options)
        try:
            if self.starttls:
                smtp.starttls(context=context)
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
            code, RefusedForGood, f"The recipient was refused: {code} {_one_line(reply)}"
        )
    if isinstance(error, smtplib.SMTPResponseException):
        kind, what = REFUSALS.get(type(error), (TemporaryFailure, "The mail server answered"))
        answer = f"{what}: {error.smtp_code} {_one_line(error.smtp_error)}"
        return _by_code(error.smtp_code, kind, answer)
    for caught, kind, what in OTHER_ERRORS:
        if isinstance(error, caught):
            return kind(f"{what}: {_one_line(error)}")
    return TemporaryFailure(f"The mail server cannot be reached: {_one_line(error)}")


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


def _one_line(said: object) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:ERROR_LENGTH]
