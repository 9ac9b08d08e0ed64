"""The mails of the outbox in the API."""

from dataclasses import asdict
from typing import Any

from flask import url_for
from marshmallow import fields

from app.features.api import ApiSchema, Timestamp, answers, api, get_or_404, lists, reads, writes
from app.features.mailbox import outbox_pages, tables
from app.features.mailbox.outbox_pages import TooLate
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.mail.rendering import subject_of
from app.models import Permission
from app.sign_in import me

TAGS = ["Mail"]
answers(TooLate, 409, "email-changed", "The state of the mail does not allow this.")


class EmailSchema(ApiSchema):
    """A mail of the outbox."""

    id = fields.Integer(required=True)
    message = fields.String(required=True)
    recipient = fields.String(required=True)
    user_id = fields.Integer(required=True, allow_none=True)
    subject = fields.Function(subject_of, required=True, metadata={"type": "string"})
    state = fields.String(required=True, metadata={"enum": [str(one) for one in EmailState]})
    attempts = fields.Integer(required=True)
    last_error = fields.String(required=True)
    created_at = Timestamp(required=True)
    next_try_at = Timestamp(required=True)
    sent_at = Timestamp(required=True, allow_none=True)
    request_id = fields.String(required=True)


class EmailTextSchema(EmailSchema):
    """A mail with its text, in which links do not work, or the problem that it cannot be shown."""

    preview = fields.Function(
        lambda row: asdict(outbox_pages.preview(row)),
        required=True,
        metadata={
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("text", "html", "problem")},
        },
    )


class EmailsResentSchema(ApiSchema):
    """The number of mails that are sent again."""

    count = fields.Integer(required=True)


@api.get("/emails", tags=TAGS)
@reads(Permission.MANAGE_JOBS)
@lists(tables.mails, EmailSchema)
def list_emails() -> list[Any]:
    """List mails, newest first."""
    return []


@api.get("/emails/<int:email_id>", tags=TAGS)
@reads(Permission.MANAGE_JOBS)
@api.response(200, EmailTextSchema)
def get_email(email_id: int) -> EmailMessage:
    """Get a mail with its text. Links in it do not work."""
    return get_or_404(EmailMessage, email_id)


@api.post("/emails/<int:email_id>/resend", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.response(202, EmailSchema)
def resend_email(email_id: int) -> Any:
    """Send a mail again that was sent or cancelled, has failed, or waits for a retry."""
    get_or_404(EmailMessage, email_id)
    outbox_pages.resend(email_id, by=me())
    where = {"Location": url_for("api.get_email", email_id=email_id)}
    return get_or_404(EmailMessage, email_id), where


@api.post("/emails/<int:email_id>/cancel", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.response(200, EmailSchema)
def cancel_email(email_id: int) -> EmailMessage:
    """Keep a mail that waits from being sent."""
    get_or_404(EmailMessage, email_id)
    outbox_pages.cancel(email_id, by=me())
    return get_or_404(EmailMessage, email_id)


@api.post("/emails/resend-failed", tags=TAGS)
@writes(Permission.MANAGE_JOBS)
@api.response(202, EmailsResentSchema)
def resend_failed_emails() -> Any:
    """Send failed mails again, up to a thousand at a time."""
    count = outbox_pages.resend_failed(by=me())
    return {"count": count}, {"Location": url_for("api.list_emails", state="pending")}
