"""The forms of an import: the upload, and the mapping of its columns."""

from __future__ import annotations

from typing import Any

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, RadioField, SelectField, SubmitField
from wtforms.fields.choices import SelectChoice

from app.admin.forms import RoleField
from app.features.imports import ENCODINGS, FIELDS, may_invite
from app.features.imports.models import ImportMode, PeopleImport
from app.kit.web.forms import BaseForm

MODES = {
    ImportMode.INVITE: "Invite them: each gets a mail with a link to choose a password",
    ImportMode.CREATE: "Create accounts without mail: they can be invited later, one by one or all",
    ImportMode.UPDATE: "Leave them out: only people who are here are updated",
}


class UploadForm(BaseForm):
    file = FileField(
        "CSV file",
        validators=[FileRequired("Choose a file.")],
        render_kw={"accept": ".csv,.txt,.tsv,text/csv", "required": True},
    )
    submit = SubmitField("Upload and continue")


class ColumnsForm(BaseForm):
    """Map the columns to fields, and choose how to treat new and existing users."""

    encoding = SelectField(
        "Encoding",
        choices=[SelectChoice(*each) for each in ENCODINGS.items()],
        description="Choose another one if letters above look wrong.",
    )
    read_again = SubmitField("Read the file again", render_kw={"class": "btn-secondary"})
    has_header = BooleanField("The first line has the names of the columns")
    email = SelectField(FIELDS["email"])
    first_name = SelectField(FIELDS["first_name"])
    last_name = SelectField(FIELDS["last_name"])
    role_column = SelectField(FIELDS["role"])
    mode = RadioField(
        "People who have no account yet",
        choices=lambda: [
            SelectChoice(str(mode), text)
            for mode, text in MODES.items()
            if mode != ImportMode.INVITE or may_invite()
        ],
    )
    role = RoleField("Role of new people without a role in the file")
    update_existing = BooleanField(
        "Update people who are here already",
        description="Their names and role are taken from the file. Empty cells change nothing.",
    )
    submit = SubmitField("Check the file")

    def __init__(self, row: PeopleImport, **options: Any) -> None:
        self.row = row
        chosen = {
            name: str(row.mapping[field]) if field in row.mapping else ""
            for name, field in COLUMN_FIELDS.items()
        }
        super().__init__(
            data={
                **chosen,
                "encoding": row.encoding,
                "has_header": row.has_header,
                "mode": row.mode,
                "role": row.role_id,
                "update_existing": row.update_existing,
            },
            **options,
        )
        choices = [SelectChoice("", "Not in the file")]
        choices += [SelectChoice(str(number), name) for number, name in enumerate(row.columns)]
        for name in COLUMN_FIELDS:
            self[name].choices = choices

    @property
    def asks_for_another_encoding(self) -> bool:
        """Whether the submitted encoding differs from the current encoding of the import."""
        is_other = self.encoding.data != self.row.encoding
        return bool(self.is_submitted() and is_other and self.encoding.validate(self))

    @property
    def mapping(self) -> dict[str, int]:
        """The column number of each mapped field."""
        return {
            field: int(self[name].data) for name, field in COLUMN_FIELDS.items() if self[name].data
        }


COLUMN_FIELDS = {
    "email": "email",
    "first_name": "first_name",
    "last_name": "last_name",
    "role_column": "role",
}
