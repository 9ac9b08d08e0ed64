"""The forms of signing in by mail."""

from wtforms import BooleanField, StringField, SubmitField
from wtforms.validators import InputRequired, Length

from app.kit.web.forms import BaseForm, email_field


def digits(text: str | None) -> str:
    """Return a code without the spaces and hyphens that people type or paste."""
    return "".join(one for one in text or "" if not one.isspace() and one != "-")


class AskForm(BaseForm):
    email = email_field(autocomplete="username")
    remember_me = BooleanField("Keep me signed in on this device")
    submit = SubmitField("Send the mail")


class MailedCodeForm(BaseForm):
    code = StringField(
        "Code from the mail",
        filters=[digits],
        validators=[
            InputRequired("Enter the code."),
            Length(max=16, message="Use at most %(max)d characters."),
        ],
        render_kw={
            "autocomplete": "one-time-code",
            "inputmode": "numeric",
            "spellcheck": "false",
            "maxlength": 16,
        },
    )
    submit = SubmitField("Sign in")


class LinkForm(BaseForm):
    submit = SubmitField("Sign in")
