"""The forms of the admin pages. They check shape; what is true, the services decide."""

from typing import Any

from wtforms import BooleanField, HiddenField, SelectField, StringField, SubmitField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import EqualTo, Length, Regexp, ValidationError

from app.kit.typed import visible
from app.kit.web.forms import BaseForm, email_field, name_field, password_field
from app.models import Role
from app.services import roles
from app.sign_in import me

LARGEST_PAGE = 200_000  # characters
CHOOSE_ROLE = "Choose one of the roles."


class RoleField(SelectField):
    """A choice among the roles that one may give; its data is the role's id, `role` the role."""

    def __init__(self, label: str = "Role", **options: Any) -> None:
        self.roles = {role.id: role for role in roles.assignable(me())}
        choices = [SelectChoice(str(role.id), role.name) for role in self.roles.values()]
        options = {"default": roles.default_id, "invalid_value_message": CHOOSE_ROLE, **options}
        super().__init__(label, coerce=int, choices=choices, **options)

    def pre_validate(self, form: Any) -> None:
        if self.data not in self.roles and not self.process_errors:
            raise ValidationError(CHOOSE_ROLE)

    @property
    def role(self) -> Role:
        """The role that was chosen. Only a form that has been validated is sure to have one."""
        return self.roles[self.data]


class InviteUserForm(BaseForm):
    email = email_field(autocomplete="off")
    first_name = name_field("First name", autocomplete="off")
    last_name = name_field("Last name", autocomplete="off")
    role = RoleField()
    submit = SubmitField("Send invitation")


class NewUserForm(BaseForm):
    email = email_field(autocomplete="off")
    first_name = name_field("First name", autocomplete="off")
    last_name = name_field("Last name", autocomplete="off")
    role = RoleField()
    password = password_field("Password", new=True)
    password2 = password_field(
        "Password again", EqualTo("password", "The two passwords are not the same."), new=True
    )
    submit = SubmitField("Add person")


class StaleableForm(BaseForm):
    """A form that knows what its page showed, to notice when someone else changes it meanwhile."""

    seen = HiddenField()


class ChangeUserNameForm(StaleableForm):
    first_name = name_field("First name", autocomplete="off")
    last_name = name_field("Last name", autocomplete="off")
    submit = SubmitField("Change name")


class ChangeUserEmailForm(StaleableForm):
    email = email_field("Email address", autocomplete="off")
    submit = SubmitField("Change email")


class ChangeAccountTypeForm(StaleableForm):
    role = RoleField()
    submit = SubmitField("Change role")


class ReasonForm(StaleableForm):
    """Asks why; what is written is for administrators and the audit trail."""

    reason = TextAreaField(
        "Reason",
        filters=[lambda text: text.strip() if text else ""],
        validators=[Length(max=500, message="Use at most %(max)d characters.")],
        description="For other administrators and the audit trail. The person is not shown it.",
        render_kw={"maxlength": 500, "rows": 3},
    )


class SuspendUserForm(ReasonForm):
    submit = SubmitField("Suspend", render_kw={"class": "btn-danger"})


class ReactivateUserForm(ReasonForm):
    submit = SubmitField("Reactivate")


class BulkForm(BaseForm):
    """Confirms what is done to many people; what does not belong to it is taken out."""

    reason = TextAreaField(
        "Reason",
        filters=[lambda text: text.strip() if text else ""],
        validators=[Length(max=500, message="Use at most %(max)d characters.")],
        description="For other administrators and the audit trail. The people are not shown it.",
        render_kw={"maxlength": 500, "rows": 3},
    )
    tell = BooleanField("Tell them by mail", default=True)
    submit = SubmitField("Do it")


class RevokeInviteForm(BaseForm):
    submit = SubmitField("Revoke invitation")


class CopyInviteLinkForm(BaseForm):
    # Which link was the newest when the page was opened: sent twice, the form shows one link.
    known = HiddenField(validators=[Regexp(r"[0-9]{0,15}\Z")])
    submit = SubmitField("Make a link and show it")


class SignInAsForm(BaseForm):
    reason = StringField(
        "Reason",
        description="For the record, such as the number of a support request.",
        validators=[Length(max=200, message="Use at most %(max)d characters.")],
        render_kw={"autocomplete": "off", "maxlength": 200},
    )
    password = password_field("Your own password", new=False)
    submit = SubmitField("Sign in as them")


class EditorForm(BaseForm):
    editor_name = StringField(validators=[Length(max=64), Regexp(r"[a-z0-9][a-z0-9_-]*\Z")])
    # A text that was pasted with something unseen in it is not lost for that.
    edit_data = TextAreaField(filters=[visible], validators=[Length(max=LARGEST_PAGE)])


class ConfirmUserForm(BaseForm):
    keep_password = BooleanField(
        "They made the account themselves: keep its password",
        description="Ask them first. Anybody can register an address with a password of their own.",
    )
    submit = SubmitField("Confirm")


class ConfirmForm(BaseForm):
    """Asks whether a deed is meant; what it is stands on the page."""

    submit = SubmitField("Yes")
