"""Schemas of the API's own resources, and the fields that all schemas use."""

from datetime import UTC, datetime
from typing import Any

from email_validator import EmailNotValidError
from marshmallow import Schema, ValidationError, fields, validate

from app.features.api import scopes
from app.kit import names
from app.kit.name_rule import NO_LINK, holds_link, is_name
from app.kit.names import EMAIL_LENGTH, NAME_LENGTH
from app.kit.user_input import hides_something, normalised_email, visible
from app.models.user import STATUSES

UNSEEN = "Remove the invisible characters."


class ApiSchema(Schema):
    """The base of schemas. A field that it does not know is an error, and changes nothing."""


class Timestamp(fields.AwareDateTime):
    """A time in UTC, as in RFC 3339: 2031-03-09T12:00:00Z."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if not isinstance(value, datetime):
            return None
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Text(fields.String):
    """A text that a database can hold, without spaces around it."""

    def __init__(self, *, most: int, lines: bool = False, **options: Any) -> None:
        options.setdefault("validate", validate.Length(max=most))
        super().__init__(**options)
        self.allowed = "\r\n\t" if lines else ""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs).strip()
        if visible(text, self.allowed) != text:
            raise ValidationError(UNSEEN)
        return text


class NameText(Text):
    """A part of the name of a user, by the rules of the pages."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("validate", validate.Length(min=1, max=NAME_LENGTH))
        super().__init__(most=NAME_LENGTH, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(text) <= 4 * NAME_LENGTH and not is_name(text):
            raise ValidationError(UNSEEN)
        if holds_link(text):
            raise ValidationError(NO_LINK)
        return names.normalise(text) if len(text) <= 4 * NAME_LENGTH else text


class Email(fields.String):
    """An email address in the form in which it is stored, by the rules of the pages."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs).strip()
        if hides_something(text[: 2 * EMAIL_LENGTH]):
            raise ValidationError(UNSEEN)
        try:
            email = normalised_email(text[: 2 * EMAIL_LENGTH + 1])
        except EmailNotValidError:
            raise ValidationError("Send an address like name@example.com.") from None
        if len(email) > EMAIL_LENGTH:
            raise ValidationError(f"Use at most {EMAIL_LENGTH} characters.")
        return email


class RoleReferenceSchema(ApiSchema):
    """The role of a user."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)


class OwnAccountSchema(ApiSchema):
    """The account of the owner of the token, and the permissions that the token has."""

    id = fields.Integer(required=True)
    email = fields.String(required=True, metadata={"format": "email"})
    pending_email = fields.String(required=True, allow_none=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    role = fields.Nested(RoleReferenceSchema, required=True, allow_none=True)
    permissions = fields.Function(
        lambda user: scopes.to_names(user.permissions),
        required=True,
        metadata={"type": "array", "items": {"type": "string"}},
    )
    created_at = Timestamp(required=True)


class UserSchema(ApiSchema):
    """A user."""

    id = fields.Integer(required=True)
    email = fields.String(required=True, metadata={"format": "email"})
    pending_email = fields.String(required=True, allow_none=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    role = fields.Nested(RoleReferenceSchema, required=True, allow_none=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    must_change_password = fields.Boolean(required=True)
    suspended_reason = fields.String(required=True)
    created_at = Timestamp(required=True)
    last_seen_at = Timestamp(required=True, allow_none=True)
    invited_at = Timestamp(required=True, allow_none=True)
    suspended_at = Timestamp(required=True, allow_none=True)
    deleted_at = Timestamp(required=True, allow_none=True)


class NamesSchema(ApiSchema):
    """The names of a user to change. Those that are left out stay."""

    first_name = NameText()
    last_name = NameText()
