"""The form that refuses a registration."""

from wtforms import SubmitField

from app.kit.web.forms import BaseForm
from app.kit.web.forms.fields import long_text_field


class RefuseRegistrationForm(BaseForm):
    reason = long_text_field("Reason")
    submit = SubmitField("Refuse", render_kw={"class": "btn-danger"})
