"""The form that stops mail to an address."""

from wtforms import SubmitField

from app.kit.web.forms import BaseForm
from app.kit.web.forms.fields import email_field, text_field


class SuppressAddressForm(BaseForm):
    email = email_field("Email address")
    detail = text_field("Note", required=False)
    submit = SubmitField("Stop mail")
