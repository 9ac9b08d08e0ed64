"""Example data for the macros shown on /dev/patterns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    FileField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    SubmitField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired

from app.kit.database import now
from app.models import AnonymousUser


def _choices(*labels: str) -> list[SelectChoice]:
    return [SelectChoice(label.lower(), label) for label in labels]


class ExampleForm(FlaskForm):
    """A form with one field of every kind. No view handles it."""

    name = StringField("Name", validators=[DataRequired()], description="As it should be shown.")
    email = EmailField("Email", validators=[DataRequired()])
    password = PasswordField("New password", render_kw={"autocomplete": "new-password"})
    about = TextAreaField("About you")
    colour = SelectField("Colour", choices=_choices("Red", "Blue"))
    plan = RadioField("Plan", choices=_choices("Small", "Large"), default="small")
    picture = FileField("Picture")
    news = BooleanField("Send me news")
    submit = SubmitField("Save")


def examples() -> dict[str, Any]:
    """Return the forms and example values that the template passes to the macros."""
    form = ExampleForm(meta={"csrf": False})
    wrong = ExampleForm(meta={"csrf": False}, prefix="wrong-")
    wrong.email.errors = ["Enter an address such as name@example.com."]
    wrong.password.errors = ["Use at least 12 characters."]
    return {
        "form": form,
        "wrong": wrong,
        "visitor": AnonymousUser(),
        "moments": [
            now() - timedelta(**ago) for ago in ({"seconds": 5}, {"hours": 3}, {"days": 9})
        ],
        "statuses": ["active", "unconfirmed", "invited", "suspended", "pending", "sent", "failed"],
    }
