"""Read the reports of mail services: Amazon SES, Mailgun, Postmark and SendGrid.

Each service posts JSON of its own form. A reader takes the parsed JSON, and returns the reports on
mail that came back or was called spam. It skips all else, such as mail that was opened, or whose
delivery the service tries again. A missing field reads as empty, because services add and leave out
fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from email_validator import EmailNotValidError

from app.kit.user_input import normalised_email, visible

LONGEST_DETAIL = 1_000  # characters


class NotAReport(ValueError):
    """The body is not what the service sends."""


@dataclass(frozen=True)
class MailReport:
    """A report that a mail came back, or was called spam.

    `is_lasting` tells that the address will not take the next mail either.
    """

    recipient: str
    is_complaint: bool
    is_lasting: bool
    detail: str
    message_id: str
    at: datetime | None


def parse(body: bytes | str) -> Any:
    """Return the JSON of a body. Raises NotAReport."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NotAReport("The body is not JSON.") from None


def amazon_ses(notification: Any) -> Iterator[MailReport]:
    """Read a notification of SNS with an event of SES.

    https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
    """
    event = parse(_text(notification, "Message"))
    kind = _text(event, "notificationType") or _text(event, "eventType")
    mail = _dict(event, "mail")
    # SES sends its own Message-ID, and reports ours among the headers.
    message_id = _text(_dict(mail, "commonHeaders"), "messageId")
    for header in _list(mail, "headers"):
        if _text(header, "name").lower() == "message-id":
            message_id = _text(header, "value")
    if kind == "Bounce":
        told = _dict(event, "bounce")
        for one in _list(told, "bouncedRecipients"):
            yield MailReport(
                recipient=_text(one, "emailAddress"),
                is_complaint=False,
                is_lasting=_text(told, "bounceType") == "Permanent",
                detail=_text(one, "diagnosticCode") or _text(told, "bounceSubType"),
                message_id=message_id,
                at=_time(told.get("timestamp")),
            )
    elif kind == "Complaint":
        told = _dict(event, "complaint")
        for one in _list(told, "complainedRecipients"):
            yield MailReport(
                recipient=_text(one, "emailAddress"),
                is_complaint=True,
                is_lasting=True,
                detail=_text(told, "complaintFeedbackType"),
                message_id=message_id,
                at=_time(told.get("timestamp")),
            )


def mailgun(payload: Any) -> Iterator[MailReport]:
    """Read an event of Mailgun.

    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
    """
    event = _dict(payload, "event-data")
    kind, reason = _text(event, "event"), _text(event, "reason")
    is_complaint = kind == "complained" or reason == "suppress-complaint"
    if not is_complaint and (kind, _text(event, "severity")) != ("failed", "permanent"):
        return
    status = _dict(event, "delivery-status")
    yield MailReport(
        recipient=_text(event, "recipient"),
        is_complaint=is_complaint,
        # Mailgun gave up after many tries, but each failure was temporary.
        is_lasting=reason != "old",
        detail=_text(status, "message") or _text(status, "description") or reason,
        message_id=_text(_dict(_dict(event, "message"), "headers"), "message-id"),
        at=_time(event.get("timestamp")),
    )


def postmark(payload: Any) -> Iterator[MailReport]:
    """Read a bounce or a complaint of Postmark.

    https://postmarkapp.com/developer/webhooks/bounce-webhook
    """
    kind = _text(payload, "RecordType")
    if kind not in {"Bounce", "SpamComplaint"}:
        return
    yield MailReport(
        recipient=_text(payload, "Email"),
        is_complaint=kind == "SpamComplaint",
        # Postmark itself sends no more to this address.
        is_lasting=payload.get("Inactive") is True,
        detail=_text(payload, "Details") or _text(payload, "Description"),
        message_id="",  # Postmark's own
        at=_time(payload.get("BouncedAt")),
    )


def sendgrid(payload: Any) -> Iterator[MailReport]:
    """Read a list of events of SendGrid.

    https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
    """
    for event in payload if isinstance(payload, list) else ():
        kind, reason = _text(event, "event"), _text(event, "reason")
        if kind not in {"bounce", "dropped", "spamreport"}:
            continue
        is_complaint = kind == "spamreport" or reason == "Spam Reporting Address"
        is_refused = kind == "bounce" and _text(event, "type") != "blocked"
        is_listed = kind == "dropped" and reason in {"Bounced Address", "Invalid"}
        yield MailReport(
            recipient=_text(event, "email"),
            is_complaint=is_complaint,
            is_lasting=is_complaint or is_refused or is_listed,
            detail=reason,
            message_id=_text(event, "smtp-id"),
            at=_time(event.get("timestamp")),
        )


READERS: dict[str, Callable[[Any], Iterator[MailReport]]] = {
    "mailgun": mailgun,
    "postmark": postmark,
    "sendgrid": sendgrid,
    "ses": amazon_ses,
}


def read(service: str, payload: Any) -> list[MailReport]:
    """Return the reports in a payload of a service, with their fields in the form of the outbox.

    Raises NotAReport.
    """
    if not isinstance(payload, dict | list):
        raise NotAReport("The body is neither an object nor a list.")
    found = []
    for one in READERS[service](payload):
        with suppress(EmailNotValidError):
            found.append(
                replace(
                    one,
                    recipient=normalised_email(one.recipient),
                    detail=visible(one.detail)[:LONGEST_DETAIL],
                    message_id=_in_brackets(one.message_id),
                )
            )
    return found


def _in_brackets(message_id: str) -> str:
    """Return a Message-ID as its header has it. Mailgun leaves out the brackets."""
    inner = visible(message_id).strip("<> ")
    return f"<{inner}>" if inner else ""


def _dict(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _time(value: Any) -> datetime | None:
    """Return a time in RFC 3339 or in seconds since 1970, or None for anything else."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
