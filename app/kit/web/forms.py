"""Provide the base of all forms: the CSRF field, storable text, emails, names and passwords."""

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
    StopValidation,
    ValidationError,
)

from app.kit import email_rule, names
from app.kit.names import EMAIL_LENGTH, NAME_LENGTH
from app.kit.passwords import MAX_LENGTH
from app.kit.user_input import hides_something, holds_link, is_name, normalised_email, visible
from app.kit.web.csrf import MaskedFormCSRF

UNSEEN = "Remove the invisible characters."
NO_LINK = "A name cannot contain a URL. Put a space after a dot."


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


def normalise(value: str | None) -> str | None:
    return names.normalise(value) if value else value


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


def refuse_problem(_form: Form, field: Field) -> None:
    """Refuse an email that a check of new emails refuses (app.kit.email_rule)."""
    if not field.errors and (problem := email_rule.problem_of(field.data or "")):
        raise ValidationError(problem)


def email_field(
    label: str = "Email", *, autocomplete: str = "email", new: bool = False, **options: Any
) -> EmailField:
    """Return a required field for an email. `autocomplete` is the HTML attribute.

    A `new` email of a user passes the checks of app.kit.email_rule.
    """
    return EmailField(
        label,
        # A domain in Unicode may be shorter or longer than its stored form.
        filters=[cut(2 * EMAIL_LENGTH)],
        validators=[
            DataRequired("Enter an address."),
            Address(),
            *([refuse_problem] if new else []),
        ],
        render_kw={"autocomplete": autocomplete, "maxlength": EMAIL_LENGTH},
        **options,
    )


class Name:
    """Reject a name that is invisible, changes the text direction, or contains a URL."""

    def __call__(self, form: Form, field: Field) -> None:
        # The form itself reports characters that no field may contain.
        if is_storable(field) and not is_name(field.data or ""):
            raise StopValidation(UNSEEN)
        if holds_link(field.data or ""):
            raise StopValidation(NO_LINK)


def name_field(label: str, *, autocomplete: str) -> StringField:
    """Return a required field for a part of a user's name."""
    return StringField(
        label,
        # Normalisation composes letters and accents, which makes the text shorter.
        filters=[cut(4 * NAME_LENGTH), normalise],
        validators=[
            DataRequired("Enter a name."),
            Length(max=NAME_LENGTH, message="Use at most %(max)d characters."),
            Name(),
        ],
        render_kw={"autocomplete": autocomplete, "maxlength": NAME_LENGTH},
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
