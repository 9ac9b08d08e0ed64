"""The form that makes a token."""

from datetime import timedelta
from typing import Any

from flask import current_app
from wtforms import RadioField, SelectField, SelectMultipleField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from app.features.api.models import TokenAccess
from app.kit.permissions import permissions_asked
from app.kit.web.forms import BaseForm
from app.kit.web.forms.user_fields import name_field
from app.models import Permission
from app.models.role import PERMISSION_TEXTS
from app.sign_in import me

DAYS = (7, 30, 60, 90, 180, 365)
NEVER = 0


class ScopesField(SelectMultipleField):
    """Check boxes for the permissions of the user. `bits` combines those that are ticked."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: str = "Permissions", **options: Any) -> None:
        # The user has GENERAL with every token, so it is no choice.
        in_use = permissions_asked(PERMISSION_TEXTS) | {Permission.ADMINISTER}
        self.texts = {
            int(bit): text
            for bit, text in PERMISSION_TEXTS.items()
            if bit in in_use - {Permission.GENERAL} and me().can(bit)
        }
        choices = [SelectChoice(str(bit), text.name) for bit, text in self.texts.items()]
        super().__init__(label, coerce=int, choices=choices, **options)

    def pre_validate(self, form: Any) -> None:
        if any(bit not in self.texts for bit in self.data or []):
            raise ValidationError("Choose permissions of the list.")

    @property
    def bits(self) -> int:
        bits = 0
        for bit in self.data or []:
            bits |= int(bit)
        return bits


class MakeApiTokenForm(BaseForm):
    name = name_field("Name", autocomplete="off")
    days = SelectField("Expires", coerce=int)
    access = RadioField(
        "Access",
        choices=[
            SelectChoice(TokenAccess.READ.value, "Read"),
            SelectChoice(TokenAccess.WRITE.value, "Read and write"),
        ],
        default=TokenAccess.READ.value,
    )
    scopes = ScopesField()
    submit = SubmitField("Make token")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        default = current_app.config["API_TOKEN_DAYS"]
        self.days.choices = [
            SelectChoice(str(days), f"after {days} days" if days > 1 else "after 1 day")
            for days in sorted({*DAYS, default})
        ]
        if current_app.config["API_TOKENS_WITHOUT_EXPIRY"]:
            self.days.choices.append(SelectChoice(str(NEVER), "never"))
        if not self.is_submitted():
            self.days.data = default

    @property
    def lifetime(self) -> timedelta | None:
        return timedelta(days=self.days.data) if self.days.data else None
