"""The forms of passkeys. The script writes the answer of the browser into `credential`."""

from wtforms import HiddenField, SubmitField

from app.account.registration_form import RegistrationForm
from app.kit.web.forms import BaseForm
from app.kit.web.forms.user_fields import name_field


class PasskeyRegistrationForm(RegistrationForm):
    password = None
    password2 = None


class UsePasskeyForm(BaseForm):
    credential = HiddenField()
    submit = SubmitField("Use a passkey")


class AddPasskeyForm(BaseForm):
    name = name_field("Name", autocomplete="off")
    credential = HiddenField()
    submit = SubmitField("Add a passkey")


class RenamePasskeyForm(BaseForm):
    name = name_field("Name", autocomplete="off")
    submit = SubmitField("Save name")


class RemovePasskeyForm(BaseForm):
    submit = SubmitField("Remove the passkey", render_kw={"class": "btn-danger"})
