"""The forms of an import: the upload, and the mapping of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, RadioField, SelectField, SubmitField
from wtforms.fields.choices import SelectChoice

from app.kit.imports import ENCODINGS
from app.kit.imports.models import ImportColumns
from app.kit.web.forms import BaseForm


class UploadForm(BaseForm):
    file = FileField(
        "CSV file",
        validators=[FileRequired("Choose a file.")],
        render_kw={"accept": ".csv,.txt,.tsv,text/csv", "required": True},
    )
    submit = SubmitField("Upload and continue")


class MappingForm(BaseForm):
    """Map the columns of a file to fields. A kind adds a field for each, and its options."""

    column_fields: ClassVar[Mapping[str, str]]
    """The field of the rows for each select of this form."""
    option_fields: ClassVar[Sequence[str]]
    """The names of the fields that say how to treat the rows."""

    encoding = SelectField(
        "Encoding",
        choices=[SelectChoice(*each) for each in ENCODINGS.items()],
        description="Choose another one if letters above look wrong.",
    )
    read_again = SubmitField("Read the file again", render_kw={"class": "btn-secondary"})
    has_header = BooleanField("The first line has the names of the columns")
    submit = SubmitField("Check the file")

    def __init__(self, row: ImportColumns, data: dict[str, Any] | None = None) -> None:
        self.row = row
        chosen = {
            name: str(row.mapping[field]) if field in row.mapping else ""
            for name, field in self.column_fields.items()
        }
        options = {name: getattr(row, name, None) for name in self.option_fields}
        same = {"encoding": row.encoding, "has_header": row.has_header}
        super().__init__(data={**chosen, **options, **same, **(data or {})})
        choices = [SelectChoice("", "Not in the file")]
        choices += [SelectChoice(str(number), name) for number, name in enumerate(row.columns)]
        for name in self.column_fields:
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
            field: int(self[name].data)
            for name, field in self.column_fields.items()
            if self[name].data
        }

    def key_field(self, key: str) -> Any:
        """Return the select of the key."""
        return next(self[name] for name, field in self.column_fields.items() if field == key)

    def options(self) -> dict[str, Any]:
        """Return the options of the import. Use it only after the form has been validated."""
        return {name: self[name].data for name in self.option_fields}


def mapping_form(
    row: ImportColumns, fields: Mapping[str, str], nouns: tuple[str, str]
) -> MappingForm:
    """Return the form for a declared table, whose fields have these labels."""
    many = nouns[1]
    selects = {f"column_{name}": SelectField(label) for name, label in fields.items()}
    modes = {"create": "Add them", "update": "Leave them out, and report their lines"}
    form: type[MappingForm] = type(
        "TableMappingForm",
        (MappingForm,),
        {
            **selects,
            "column_fields": {f"column_{name}": name for name in fields},
            "option_fields": ("mode", "update_existing"),
            "mode": RadioField(
                f"{many.capitalize()} that are not there yet",
                choices=[SelectChoice(*each) for each in modes.items()],
            ),
            "update_existing": BooleanField(
                f"Update {many} that are there already",
                description="Their values are taken from the file. Empty cells change nothing.",
            ),
        },
    )
    return form(row)
