"""The form with which users delete their own account."""

from wtforms import SubmitField

from app.kit.web.forms import password_field
from app.kit.web.sign_in.own_password import OwnPasswordForm


class DeleteAccountForm(OwnPasswordForm):
    password = password_field("Your password", new=False)
    submit = SubmitField("Delete my account", render_kw={"class": "btn-danger"})
