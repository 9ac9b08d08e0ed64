"""Forms of the admin pages. They validate the format of input; services check the rest."""

from typing import Any

from wtforms import BooleanField, HiddenField, SelectField, SubmitField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import EqualTo, Length, ValidationError

from app.kit.web.forms import BaseForm, email_field, password_field
from app.kit.web.forms.user_fields import name_field
from app.models import Role
from app.services import roles
from app.sign_in import me

CHOOSE_ROLE = "Choose one of the roles."


class RoleField(SelectField):
    """A choice of the roles that the user may assign. `data` is the id, and `role` the role."""

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
        """The chosen role. Use it only after the form has been validated."""
        return self.roles[self.data]


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


class SnapshotForm(BaseForm):
    """A form with a snapshot of the values on its page, for optimistic locking."""

    seen = HiddenField()


class ChangeUserNameForm(SnapshotForm):
    first_name = name_field("First name", autocomplete="off")
    last_name = name_field("Last name", autocomplete="off")
    submit = SubmitField("Change name")


class ChangeUserEmailForm(SnapshotForm):
    email = email_field("Email address", autocomplete="off")
    submit = SubmitField("Change email")


class ChangeAccountTypeForm(SnapshotForm):
    role = RoleField()
    submit = SubmitField("Change role")


class ReasonForm(SnapshotForm):
    """A form for a reason, which administrators and the audit trail show."""

    reason = TextAreaField(
        "Reason",
        filters=[lambda text: text.strip() if text else ""],
        validators=[Length(max=500, message="Use at most %(max)d characters.")],
        description="For other administrators. The person is not shown it.",
        render_kw={"maxlength": 500, "rows": 3},
    )


class SuspendUserForm(ReasonForm):
    submit = SubmitField("Suspend", render_kw={"class": "btn-danger"})


class ReactivateUserForm(ReasonForm):
    submit = SubmitField("Reactivate")


class ConfirmUserForm(BaseForm):
    keep_password = BooleanField(
        "They made the account themselves: keep its password",
        description="Ask them first. Anybody can register an address with a password of their own.",
    )
    submit = SubmitField("Confirm")
