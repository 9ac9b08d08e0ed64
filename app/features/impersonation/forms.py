"""The form that starts an impersonation."""

from wtforms import StringField, SubmitField
from wtforms.validators import Length

from app.kit.web.forms import password_field
from app.kit.web.sign_in.own_password import OwnPasswordForm


class SignInAsForm(OwnPasswordForm):
    reason = StringField(
        "Reason",
        description="For the record, such as the number of a support request.",
        validators=[Length(max=200, message="Use at most %(max)d characters.")],
        render_kw={"autocomplete": "off", "maxlength": 200},
    )
    password = password_field("Your own password", new=False)
    submit = SubmitField("Sign in as them")
