"""Provide form fields for a name and for the new email of a user."""

from typing import Any

from wtforms import EmailField, Field, Form, StringField
from wtforms.validators import DataRequired, Length, StopValidation, ValidationError

from app.kit import email_rule, names
from app.kit.name_rule import NO_LINK, holds_link, is_name
from app.kit.names import NAME_LENGTH
from app.kit.web.forms import UNSEEN, cut, email_field, is_storable


def normalise(value: str | None) -> str | None:
    return names.normalise(value) if value else value


def refuse_problem(_form: Form, field: Field) -> None:
    """Refuse an email that a check of new emails refuses (app.kit.email_rule)."""
    if not field.errors and (problem := email_rule.problem_of(field.data or "")):
        raise ValidationError(problem)


def new_email_field(label: str = "Email", **options: Any) -> EmailField:
    """Return a required field for an email that passes the checks of app.kit.email_rule."""
    return email_field(label, refuse_problem, **options)


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
