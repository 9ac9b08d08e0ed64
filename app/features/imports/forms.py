"""The form that maps the columns of a file of users."""

from __future__ import annotations

from typing import Any, ClassVar

from wtforms import BooleanField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice

from app.admin.forms import RoleField
from app.features.imports.models import ImportMode, PeopleImport
from app.features.imports.services import inviting
from app.features.imports.services.people import FIELDS
from app.kit.web.operations.import_forms import MappingForm

MODES = {
    ImportMode.INVITE: "Invite them: each gets a mail with a link to choose a password",
    ImportMode.CREATE: "Create accounts without mail: they can be invited later, one by one or all",
    ImportMode.UPDATE: "Leave them out: only people who are here are updated",
}


class ColumnsForm(MappingForm):
    """Map the columns to fields, and choose how to treat new and existing users."""

    column_fields: ClassVar = {
        "email": "email",
        "first_name": "first_name",
        "last_name": "last_name",
        "role_column": "role",
    }
    option_fields: ClassVar = ("mode", "role", "update_existing")

    email = SelectField(FIELDS["email"])
    first_name = SelectField(FIELDS["first_name"])
    last_name = SelectField(FIELDS["last_name"])
    role_column = SelectField(FIELDS["role"])
    mode = RadioField(
        "People who have no account yet",
        choices=lambda: [
            SelectChoice(str(mode), text)
            for mode, text in MODES.items()
            if mode != ImportMode.INVITE or inviting.is_open()
        ],
    )
    role = RoleField("Role of new people without a role in the file")
    update_existing = BooleanField(
        "Update people who are here already",
        description="Their names and role are taken from the file. Empty cells change nothing.",
    )

    def __init__(self, row: PeopleImport) -> None:
        super().__init__(row, {"role": row.role_id})

    def options(self) -> dict[str, Any]:
        return {
            "mode": self.mode.data,
            "role_id": self.role.data,
            "update_existing": self.update_existing.data,
        }
