"""The form with which users delete their own account."""

from wtforms import SubmitField

from app.kit.web.forms import BaseForm, password_field


class DeleteAccountForm(BaseForm):
    password = password_field("Your password", new=False)
    submit = SubmitField("Delete my account", render_kw={"class": "btn-danger"})
