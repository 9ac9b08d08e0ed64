"""Forms of the account pages. They validate the format of input; services check the rest."""

from wtforms import BooleanField, SubmitField
from wtforms.validators import EqualTo

from app.kit.web.forms import BaseForm, email_field, password_field

MATCH = "The two passwords are not the same."


class LoginForm(BaseForm):
    email = email_field(autocomplete="username")
    password = password_field("Password", new=False)
    remember_me = BooleanField("Keep me signed in on this device")
    submit = SubmitField("Sign in")


class RequestResetPasswordForm(BaseForm):
    email = email_field(autocomplete="username")
    submit = SubmitField("Send reset link")


class ResetPasswordForm(BaseForm):
    new_password = password_field("New password", new=True)
    new_password2 = password_field("New password again", EqualTo("new_password", MATCH), new=True)
    submit = SubmitField("Set new password")


class ReauthenticateForm(BaseForm):
    password = password_field("Password", new=False)
    submit = SubmitField("Continue")


class ConfirmAccountForm(BaseForm):
    # Optional, because the user may choose a new password instead.
    password = password_field("Password of the account", new=False, required=False)
    submit = SubmitField("Confirm account")
    choose_password = SubmitField(
        "Confirm with a new password", render_kw={"class": "btn-secondary"}
    )
