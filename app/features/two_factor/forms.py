"""The forms of second factors."""

from typing import Any

from wtforms import BooleanField, HiddenField, StringField, SubmitField
from wtforms.validators import InputRequired, Length

from app.kit.web.forms import BaseForm, strip


def code_field(label: str, *, length: int = 16, **attributes: Any) -> StringField:
    """Return a required field for a code, which may have spaces or hyphens."""
    return StringField(
        label,
        filters=[strip],
        validators=[
            InputRequired("Enter the code."),
            Length(max=length, message="Use at most %(max)d characters."),
        ],
        render_kw={
            "spellcheck": "false",
            "autocapitalize": "none",
            "maxlength": length,
            **attributes,
        },
    )


def app_code_field(label: str = "Code from your app") -> StringField:
    return code_field(label, autocomplete="one-time-code", inputmode="numeric")


class SetUpForm(BaseForm):
    sealed = HiddenField(validators=[Length(max=1_000)])
    code = app_code_field("Code that the app shows")
    submit = SubmitField("Turn on")


class CodeForm(BaseForm):
    code = app_code_field()
    submit = SubmitField("Continue")


class SignInCodeForm(CodeForm):
    code = app_code_field()
    trust = BooleanField("Trust this browser")
    submit = SubmitField("Continue")


class RecoveryForm(BaseForm):
    code = code_field("Recovery code", length=40, autocomplete="off")
    submit = SubmitField("Continue")


def proof_field(label: str = "Code from your app, or a recovery code") -> StringField:
    """Return a field for a code of the present app, or a recovery code if the app is lost."""
    return code_field(label, length=40, autocomplete="off")


class ReplaceForm(SetUpForm):
    code = app_code_field("Code that the new app shows")
    proof = proof_field("Code from your present app, or a recovery code")
    submit = SubmitField("Replace the app")


class DisableForm(BaseForm):
    code = proof_field()
    submit = SubmitField("Turn off", render_kw={"class": "btn-danger"})


class RenewForm(BaseForm):
    code = proof_field()
    submit = SubmitField("Make new codes")
