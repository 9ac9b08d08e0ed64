"""Provide the base of all forms: the CSRF field, storable text, and fields to sign in."""

from collections.abc import Callable
from typing import Any

from email_validator import EmailNotValidError
from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import (
    EmailField,
    Field,
    FileField,
    Form,
    PasswordField,
    StringField,
    SubmitField,
    TextAreaField,
)
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    ValidationError,
)

from app.kit.names import EMAIL_LENGTH
from app.kit.passwords import MAX_LENGTH
from app.kit.user_input import hides_something, normalised_email, visible
from app.kit.web.csrf import MaskedFormCSRF

UNSEEN = "Remove the invisible characters."


class BaseForm(FlaskForm):
    """A form whose text fields reject characters that databases or mail headers cannot hold."""

    class Meta(FlaskForm.Meta):
        csrf_class = MaskedFormCSRF

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Return the submitted form data, with files only for the form's file fields.

            Flask-WTF would also accept JSON, whose values may not be text, and a file for any
            field.
            """
            if formdata is None or hasattr(formdata, "getlist"):
                return formdata
            if not form.is_submitted():
                return None
            wanted = {field.name for field in form if isinstance(field, FileField)}
            files = [item for item in request.files.items(multi=True) if item[0] in wanted]
            return CombinedMultiDict([MultiDict(files), request.form])

    def validate(self, extra_validators: Any = None) -> bool:
        valid = bool(super().validate(extra_validators))
        for field in self:
            if isinstance(field, StringField) and not is_storable(field):
                field.errors = [*field.errors, UNSEEN]
                valid = False
        return valid


class ConfirmForm(BaseForm):
    """A form that confirms the action described on its page."""

    submit = SubmitField("Yes")


def is_storable(field: StringField) -> bool:
    """Tell whether a database or a mail header can hold the text of a field."""
    if isinstance(field, PasswordField):  # only ever hashed
        return True
    allowed = "\r\n\t" if isinstance(field, TextAreaField) else ""
    return visible(field.data or "", allowed) == (field.data or "")


def strip(value: str | None) -> str | None:
    return value.strip() if value else value


def cut(length: int) -> Callable[[str | None], str | None]:
    """Return a filter that strips a text and cuts it to `length` plus one character.

    A longer text is then rejected without being examined or sent back in full.
    """
    return lambda value: value.strip()[: length + 1] if value else value


class Address:
    """Validate an email address and normalise it for storage."""

    def __call__(self, form: Form, field: Field) -> None:
        if hides_something(field.data or ""):
            raise ValidationError(UNSEEN)
        try:
            address = normalised_email(field.data or "")
        except EmailNotValidError:
            raise ValidationError("Enter an address like name@example.com.") from None
        if len(address) > EMAIL_LENGTH:
            raise ValidationError(f"Use at most {EMAIL_LENGTH} characters.")
        field.data = address


def email_field(
    label: str = "Email", *validators: Any, autocomplete: str = "email", **options: Any
) -> EmailField:
    """Return a required field for an email. `autocomplete` is the HTML attribute."""
    return EmailField(
        label,
        # A domain in Unicode may be shorter or longer than its stored form.
        filters=[cut(2 * EMAIL_LENGTH)],
        validators=[DataRequired("Enter an address."), Address(), *validators],
        render_kw={"autocomplete": autocomplete, "maxlength": EMAIL_LENGTH},
        **options,
    )


def password_field(
    label: str, *validators: Any, new: bool, required: bool = True, **options: Any
) -> PasswordField:
    """Return a password field. `new` makes password managers suggest a password."""
    return PasswordField(
        label,
        validators=[
            *([InputRequired("Enter a password.")] if required else []),
            # Twice the maximum is accepted, because normalisation can shorten the text.
            Length(max=2 * MAX_LENGTH, message=f"Use at most {MAX_LENGTH} characters."),
            *validators,
        ],
        render_kw={
            "autocomplete": "new-password" if new else "current-password",
            "spellcheck": "false",
        },
        **options,
    )
