"""Register the kinds of mail and the functions that provide their template values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.kit.mail.email_message import EmailMessage

HOUR = 60 * 60
DAY = 24 * HOUR

LINK_LIFETIMES = {
    "confirm": (7 * DAY, "7 days"),
    "change_email": (HOUR, "1 hour"),
    "reset_password": (HOUR, "1 hour"),
}

Values = dict[str, Any]


class Cancelled(Exception):
    """The mail is no longer needed. The message gives the reason."""


@dataclass(frozen=True)
class RenderedEmail:
    """A mail for the transport. It may contain live links, so it is never stored."""

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    picture: bytes = b""
    """A JPEG of the recipient, to which the HTML refers by CID."""


@dataclass(frozen=True)
class Message:
    """A kind of mail, with the reason for sending it and the function for its template values.

    `sample` is the context of a sample, and `sample_user` holds the attributes of its recipient.
    """

    reason: str
    values: Callable[[EmailMessage], Values]
    sample: Values = field(default_factory=dict)
    sample_user: Values = field(default_factory=dict)


MESSAGES: dict[str, Message] = {}
_custom: list[Callable[[EmailMessage], Values]] = []


_pictures: list[Callable[[Any], bytes]] = []


def mailed_picture(find: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Let a function return the JPEG for the head of mails to a user, or b"". It must not raise."""
    _pictures.append(find)
    return find


def picture_of(user: Any) -> bytes:
    return next((found for find in _pictures if (found := find(user))), b"")


def message(
    reason: str, *, sample: Values | None = None, sample_user: Values | None = None
) -> Callable[[Callable[[EmailMessage], Values]], Any]:
    """Register the decorated function as the source of template values for the mail of its name.

    It is called when the mail is sent, and raises Cancelled if the mail is no longer needed. The
    gallery of messages calls it with the context `sample` and a user with the `sample_user` values.
    """

    def register(values: Callable[[EmailMessage], Values]) -> Callable[[EmailMessage], Values]:
        MESSAGES[values.__name__.removeprefix("_")] = Message(
            reason, values, sample or {}, sample_user or {}
        )
        return values

    return register


def custom_message(values: Callable[[EmailMessage], Values]) -> Callable[[EmailMessage], Values]:
    """Register the decorated function as the source of values for custom templates."""
    _custom[:] = [values]
    return values


def custom_values(row: EmailMessage) -> Values:
    return _custom[0](row)


@dataclass
class PreviewedEmail:
    """A copy of an outbox row for a preview. Changes to it are not stored."""

    id: int
    message: str
    recipient: str
    user_id: int | None
    context: Values
    message_id: str
    user: Any = None  # the recipient of a sample, who has no row in the database
