"""The forms to edit and delete roles."""

import unicodedata
from typing import Any

from wtforms import (
    BooleanField,
    HiddenField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from app.admin.forms import RoleField
from app.features.roles import editing
from app.features.roles.editing import Values
from app.features.roles.role_pages import permissions_in_use
from app.kit import edit_conflicts
from app.kit.web import landing_pages
from app.kit.web.forms import UNSEEN, BaseForm, strip
from app.kit.web.forms.user_fields import Name
from app.models import Permission, Role
from app.models.role import PERMISSION_TEXTS
from app.services import policy
from app.sign_in import me

NAME_LENGTH = 64
TICK_ONE = "Tick at least one permission of the list."
FOR_EVERYONE = "Everyone who registers would administer the app."


class HomeField(SelectField):
    """A choice of the landing page of a role."""

    def __init__(self, label: str = "Home", **options: Any) -> None:
        choices = [SelectChoice(name, landing_pages.words(name)) for name in landing_pages.known()]
        super().__init__(label, choices=choices, **options)

    def pre_validate(self, form: Any) -> None:
        if self.data not in landing_pages.known():
            raise ValidationError("Choose one of the pages.")


class PermissionsField(SelectMultipleField):
    """Checkboxes for permissions. `data` is a list of bits, and `bits` combines them."""

    def __init__(self, label: str = "Permissions", **options: Any) -> None:
        choices = [SelectChoice(str(int(bit)), text.name) for bit, text in PERMISSION_TEXTS.items()]
        options = {"invalid_value_message": TICK_ONE, **options}
        super().__init__(label, coerce=int, choices=choices, **options)

    def pre_validate(self, form: Any) -> None:
        if self.process_errors:
            return
        chosen = self.data or []
        if any(bit not in PERMISSION_TEXTS for bit in chosen) or not chosen:
            raise ValidationError(TICK_ONE)
        if not policy.may_grant(me(), self.bits):
            raise ValidationError("You cannot give a permission that you lack.")

    @property
    def bits(self) -> int:
        bits = 0
        for bit in self.data or []:
            bits |= int(bit)
        return bits

    def set_bits(self, held: int) -> None:
        """Tick the permissions that the bits `held` grant."""
        self.data = [int(bit) for bit in PERMISSION_TEXTS if Permission.grants(held, bit)]

    def rows(self) -> list[dict[str, Any]]:
        """Return the name, description and state of each checkbox for the template.

        A permission that opens nothing without its features is left out unless it is held.
        """
        held = self.data or []
        opens = permissions_in_use()
        return [
            {
                "bit": int(bit),
                "name": text.name,
                "sentence": text.sentence,
                "is_ticked": int(bit) in held,
                "is_lacked": not policy.may_grant(me(), bit),
                "is_everything": bit == Permission.ADMINISTER,
            }
            for bit, text in PERMISSION_TEXTS.items()
            if bit in opens or (bit in held and Permission.ADMINISTER not in held)
        ]


class RoleForm(BaseForm):
    name = StringField(
        "Name",
        filters=[strip],
        validators=[
            DataRequired("Enter a name."),
            Length(max=NAME_LENGTH, message="Use at most %(max)d characters."),
            Name(),
        ],
        render_kw={"maxlength": NAME_LENGTH, "autocomplete": "off"},
    )
    index = HomeField(description="The first page after sign-in for people with this role.")
    permissions = PermissionsField()
    default = BooleanField(
        "Give this role to people who register",
        description="This replaces the present default role.",
    )
    seen = HiddenField()
    confirmed = HiddenField()
    submit = SubmitField("Save role")

    def validate_name(self, field: StringField) -> None:
        # Characters that join or hide letters would make two names look alike.
        if any(unicodedata.category(character) == "Cf" for character in field.data or ""):
            raise ValidationError(UNSEEN)

    def validate_default(self, field: BooleanField) -> None:
        if field.data and Permission.grants(self.permissions.bits, Permission.ADMINISTER):
            raise ValidationError(FOR_EVERYONE)

    @property
    def values(self) -> Values:
        return Values(
            name=self.name.data or "",
            index=self.index.data,
            permissions=self.permissions.bits,
            default=self.default.data,
        )

    def show(self, role: Role) -> None:
        """Fill the form with the values of `role`."""
        self.name.data, self.index.data = role.name, role.index
        self.default.data = role.default
        self.permissions.set_bits(role.permissions)
        self.note(role)

    def wanted(self, role: Role) -> dict[str, str]:
        """Return the submitted values, in words, that differ from the current values of `role`."""
        now = editing.values_of(role).noted()
        return {name: text for name, text in self.values.noted().items() if text != now[name]}

    def note(self, role: Role) -> None:
        """Save a snapshot of `role` in the form, to detect changes by another user."""
        self.seen.data = edit_conflicts.snapshot(editing.values_of(role).noted())


class DeleteRoleForm(BaseForm):
    role = RoleField("New role for these users", description="Each user is notified by email.")
    submit = SubmitField("Delete role")

    def leave_out(self, role: Role) -> None:
        """Offer every role but `role`."""
        self.role.roles.pop(role.id, None)
        self.role.choices = [choice for choice in self.role.choices if choice.value != str(role.id)]
