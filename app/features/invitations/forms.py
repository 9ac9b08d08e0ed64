"""The forms of invitations."""

from wtforms import HiddenField, SubmitField
from wtforms.validators import Regexp

from app.admin.forms import RoleField
from app.kit.web.forms import BaseForm, email_field, name_field


class InviteUserForm(BaseForm):
    email = email_field(autocomplete="off")
    first_name = name_field("First name", autocomplete="off")
    last_name = name_field("Last name", autocomplete="off")
    role = RoleField()
    submit = SubmitField("Send invitation")


class RevokeInviteForm(BaseForm):
    submit = SubmitField("Revoke invitation")


class CopyInviteLinkForm(BaseForm):
    # The newest link when the page was opened, so a form that is submitted twice makes one link.
    known = HiddenField(validators=[Regexp(r"[0-9]{0,15}\Z")])
    submit = SubmitField("Make a link and show it")
