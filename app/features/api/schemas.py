"""Schemas of the API's own resources, and the fields that all schemas use."""

from datetime import UTC, datetime
from typing import Any

from email_validator import EmailNotValidError
from marshmallow import ValidationError, fields, validate

from app.features.api import scopes
from app.features.api.web.dumping import QuickSchema, WrittenField
from app.kit import names
from app.kit.database import HIGHEST_INTEGER, whole_number
from app.kit.name_rule import NO_LINK, holds_link, is_name
from app.kit.names import EMAIL_LENGTH, NAME_LENGTH
from app.kit.passwords import MAX_LENGTH
from app.kit.user_input import hides_something, normalised_email, visible
from app.models.user import STATUSES

UNSEEN = "Remove the invisible characters."
NAMES_OF_PERMISSIONS = {"type": "array", "items": {"type": "string", "enum": list(scopes.NAMES)}}


class ApiSchema(QuickSchema):
    """The base of schemas. A field that it does not know is an error, and changes nothing."""


def rfc_3339(at: datetime | None) -> str | None:
    """Return a time in UTC, such as 2031-03-09T12:00:00Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Timestamp(WrittenField, fields.AwareDateTime):
    """A time in UTC, as in RFC 3339: 2031-03-09T12:00:00Z."""

    @staticmethod
    def write(value: datetime | None) -> str | None:
        return rfc_3339(value)


class Text(fields.String):
    """A text that a database can hold, without spaces around it."""

    def __init__(self, *, most: int, least: int = 0, lines: bool = False, **options: Any) -> None:
        options.setdefault("validate", validate.Length(min=least or None, max=most))
        super().__init__(**options)
        self.allowed = "\r\n\t" if lines else ""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs).strip()
        if visible(text, self.allowed) != text:
            raise ValidationError(UNSEEN)
        return text


class Digits(fields.Integer):
    """A whole number. In a URL it has only the digits 0 to 9, and not the others of Python."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and whole_number(value) is None:
            raise self.make_error("invalid", input=value)
        number: int = super()._deserialize(value, attr, data, **kwargs)
        return number


class RowNumber(Digits):
    """The id of a row, as large as a column can hold. The operation looks the row up."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(1, HIGHEST_INTEGER), **options)


class NameText(Text):
    """A name of a user or a role, by the rules of the pages."""

    def __init__(self, *, most: int = NAME_LENGTH, **options: Any) -> None:
        options.setdefault("validate", validate.Length(min=1, max=most))
        super().__init__(most=most, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(text) <= 4 * NAME_LENGTH and not is_name(text):
            raise ValidationError(UNSEEN)
        if holds_link(text):
            raise ValidationError(NO_LINK)
        return names.normalise(text) if len(text) <= 4 * NAME_LENGTH else text


class Email(fields.String):
    """An email address in the form in which it is stored, by the rules of the pages.

    With `blank`, it may be empty.
    """

    def __init__(self, *, blank: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.blank = blank

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs).strip()
        if text == "" and self.blank:
            return text
        if hides_something(text[: 2 * EMAIL_LENGTH]):
            raise ValidationError(UNSEEN)
        try:
            email = normalised_email(text[: 2 * EMAIL_LENGTH + 1])
        except EmailNotValidError:
            raise ValidationError("Send an address like name@example.com.") from None
        if len(email) > EMAIL_LENGTH:
            raise ValidationError(f"Use at most {EMAIL_LENGTH} characters.")
        return email


class Flag(fields.Boolean):
    """True or false, and neither a word for it nor a number, which equals it in Python."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class PermissionNames(fields.Field[int]):
    """Bits of permissions, as a list of names."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> list[str]:
        return scopes.to_names(value or 0)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise ValidationError("Send a list of names.")
        if unknown := [name for name in value if name not in scopes.NAMES]:
            raise ValidationError(f"{unknown[0][:60]} is not one of {', '.join(scopes.NAMES)}.")
        return scopes.to_bits(value)


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
    permissions = PermissionNames(required=True, metadata=NAMES_OF_PERMISSIONS)
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

    first_name = NameText(metadata={"example": "Grace"})
    last_name = NameText(metadata={"example": "Hopper"})


class UserChangeSchema(NamesSchema):
    """The values of a user to change: names, or the email, or the role."""

    email = Email(metadata={"format": "email"})
    role_id = RowNumber(strict=True)


class NewUserSchema(ApiSchema):
    """A user who can sign in at once."""

    email = Email(required=True, metadata={"format": "email"})
    first_name = NameText(required=True, metadata={"example": "Grace"})
    last_name = NameText(required=True, metadata={"example": "Hopper"})
    role_id = RowNumber(
        strict=True, metadata={"description": "By default that of users who register."}
    )
    password = fields.String(
        required=True,
        validate=validate.Length(max=2 * MAX_LENGTH),
        metadata={"example": "correct horse battery staple"},
    )


class ReasonSchema(ApiSchema):
    """A reason, which other administrators see."""

    reason = Text(most=500, lines=True, load_default="", metadata={"example": "Spam"})


class ConfirmationSchema(ApiSchema):
    """Whether the account keeps its password. Ask its owner whether they registered it."""

    keep_password = Flag(load_default=False)


class UserSessionSchema(ApiSchema):
    """A browser in which a user is signed in."""

    id = fields.Integer(required=True)
    ip_address = fields.String(required=True, attribute="address")
    device = fields.String(required=True)
    created_at = Timestamp(required=True)
    last_seen_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)


class OperationSchema(ApiSchema):
    """The columns of long operations, such as bulk changes and imports."""

    id = fields.Integer(required=True)
    is_stalled = fields.Boolean(required=True)
    actor_id = fields.Integer(required=True)
    actor_label = fields.String(required=True)
    created_at = Timestamp(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    finished_at = Timestamp(required=True, allow_none=True)


class RoleSchema(ApiSchema):
    """A role."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    home = fields.String(
        required=True,
        attribute="index",
        metadata={"description": "The area where its users begin."},
    )
    default = fields.Boolean(
        required=True, metadata={"description": "Whether users who register get it."}
    )
    permissions = PermissionNames(required=True, metadata=NAMES_OF_PERMISSIONS)
