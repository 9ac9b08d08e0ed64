"""The forms of invitations."""

from wtforms import HiddenField, SubmitField
from wtforms.validators import EqualTo, Regexp

from app.account.forms import MATCH
from app.admin.forms import RoleField
from app.kit.web.forms import BaseForm, email_field, password_field
from app.kit.web.forms.user_fields import name_field


class InviteUserForm(BaseForm):
    email = email_field(autocomplete="off")
    first_name = name_field("First name", autocomplete="off")
    last_name = name_field("Last name", autocomplete="off")
    role = RoleField()
    submit = SubmitField("Send invitation")


class CreatePasswordForm(BaseForm):
    password = password_field("Password", new=True)
    password2 = password_field("Password again", EqualTo("password", MATCH), new=True)
    submit = SubmitField("Set password")


class RevokeInviteForm(BaseForm):
    submit = SubmitField("Revoke invitation")


class CopyInviteLinkForm(BaseForm):
    # The newest link when the page was opened, so a form that is submitted twice makes one link.
    known = HiddenField(validators=[Regexp(r"[0-9]{0,15}\Z")])
    submit = SubmitField("Make a link and show it")
