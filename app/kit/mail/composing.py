"""Compose mails as MIME messages that every mail server accepts."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from email import policy
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
from typing import Any

from flask import current_app

from app.kit.mail.errors import Misconfigured, RefusedForGood, one_line
from settings import normalise
from settings.normalise import mailbox


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
        raise RefusedForGood(f"The mail cannot be written: {one_line(error)}") from None
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
