"""The form of the mode of the site."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from wtforms import HiddenField, RadioField, SubmitField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from app.features.maintenance.models import MESSAGE_LENGTH, SiteMode, SiteState
from app.kit import edit_conflicts
from app.kit.database import now
from app.kit.web.forms import BaseForm, cut
from app.kit.web.forms.fields import moment_field

MODES = [
    SelectChoice(SiteMode.OFF, "Open: the site works as usual"),
    SelectChoice(SiteMode.READ_ONLY, "Read-only: everyone can read, and nobody can change"),
    SelectChoice(SiteMode.CLOSED, "Closed: only administrators get in"),
]


class MaintenanceForm(BaseForm):
    mode = RadioField("Mode", choices=MODES, validators=[InputRequired("Choose a mode.")])
    message = TextAreaField(
        "Message for visitors",
        description="For example, what happens, and where to ask. It may stay empty.",
        filters=[cut(MESSAGE_LENGTH)],
        validators=[
            Length(max=MESSAGE_LENGTH, message=f"Use at most {MESSAGE_LENGTH} characters.")
        ],
        render_kw={"rows": 3, "maxlength": MESSAGE_LENGTH},
    )
    until = moment_field("Expected end", required=False)
    seen = HiddenField()
    submit = SubmitField("Save")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.until.description = (
            "Visitors see it, and programs wait until then. The site does not open by itself."
        )

    def validate_until(self, field: Any) -> None:
        is_past = field.data is not None and field.data <= now()
        if is_past and self.mode.data != SiteMode.OFF:
            raise ValidationError("Enter a time in the future, or leave it empty.")

    def values(self) -> SiteState:
        """Return the input. Use it only after the form has been validated."""
        until: datetime | None = self.until.data
        return SiteState(SiteMode(self.mode.data), self.message.data or "", until)

    def fill(self, state: SiteState) -> None:
        self.mode.data, self.message.data = state.mode.value, state.message
        self.until.data = state.until
        self.note(state)

    def note(self, state: SiteState) -> None:
        """Save a snapshot in the form, to detect changes by another user."""
        self.seen.data = edit_conflicts.snapshot(state.noted())
