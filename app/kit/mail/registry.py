"""The kinds of mail there are, and what one is made of."""

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
    "invite": (7 * DAY, "7 days"),
}

Values = dict[str, Any]


class Cancelled(Exception):
    """The mail has lost its purpose since it was written to the outbox; the message says why."""


@dataclass(frozen=True)
class RenderedEmail:
    """A mail as it is handed to the transport; the text may hold live links, so it is not kept."""

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str


@dataclass(frozen=True)
class Message:
    """A kind of mail: why one gets it, and the function that finds what its templates show.

    `sample` is the context of a sample, and `sample_user` holds attributes of its reader.
    """

    reason: str
    values: Callable[[EmailMessage], Values]
    sample: Values = field(default_factory=dict)
    sample_user: Values = field(default_factory=dict)


MESSAGES: dict[str, Message] = {}
_custom: list[Callable[[EmailMessage], Values]] = []


def message(
    reason: str, *, sample: Values | None = None, sample_user: Values | None = None
) -> Callable[[Callable[[EmailMessage], Values]], Any]:
    """Register the decorated function as the source of what the message of its name shows.

    It is called when the mail is sent and raises Cancelled when there is no longer a point. The
    gallery of messages calls it with the context `sample` and a user with these attributes.
    """

    def register(values: Callable[[EmailMessage], Values]) -> Callable[[EmailMessage], Values]:
        MESSAGES[values.__name__.removeprefix("_")] = Message(
            reason, values, sample or {}, sample_user or {}
        )
        return values

    return register


def custom_message(values: Callable[[EmailMessage], Values]) -> Callable[[EmailMessage], Values]:
    """Register the decorated function as the source of what templates of one's own show."""
    _custom[:] = [values]
    return values


def custom_values(row: EmailMessage) -> Values:
    return _custom[0](row)


@dataclass
class Copy:
    """What a mail that is only looked at is made from: nothing that is set here is stored."""

    id: int
    message: str
    recipient: str
    user_id: int | None
    context: Values
    message_id: str
    user: Any = None  # the reader of a sample, whom the database does not know
