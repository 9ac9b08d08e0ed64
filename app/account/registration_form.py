"""The form with which visitors register."""

from wtforms import SubmitField
from wtforms.validators import EqualTo

from app.account.forms import MATCH
from app.kit.web.forms import password_field
from app.kit.web.forms.bots import GuardedForm
from app.kit.web.forms.user_fields import name_field, new_email_field


class RegistrationForm(GuardedForm):
    first_name = name_field("First name", autocomplete="given-name")
    last_name = name_field("Last name", autocomplete="family-name")
    email = new_email_field(autocomplete="username")
    password = password_field("Password", new=True)
    password2 = password_field("Password again", EqualTo("password", MATCH), new=True)
    submit = SubmitField("Create account")
