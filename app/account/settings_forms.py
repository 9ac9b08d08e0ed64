"""Forms on which users change their name, password and email."""

from wtforms import SubmitField
from wtforms.validators import EqualTo

from app.account.forms import MATCH
from app.kit.web.forms import BaseForm, password_field
from app.kit.web.forms.user_fields import name_field, new_email_field
from app.kit.web.sign_in.own_password import OwnPasswordForm


class ChangePasswordForm(OwnPasswordForm):
    old_password = password_field("Current password", new=False)
    new_password = password_field("New password", new=True)
    new_password2 = password_field("New password again", EqualTo("new_password", MATCH), new=True)
    submit = SubmitField("Change password")


class ChangeNameForm(BaseForm):
    first_name = name_field("First name", autocomplete="given-name")
    last_name = name_field("Last name", autocomplete="family-name")
    submit = SubmitField("Save name")


class ChangeEmailForm(OwnPasswordForm):
    email = new_email_field("New email")
    password = password_field("Current password", new=False)
    submit = SubmitField("Send confirmation link")


class ConfirmEmailForm(BaseForm):
    submit = SubmitField("Use this address")
