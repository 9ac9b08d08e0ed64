"""One form reads many lines, with the same results as a new form for each line."""

import itertools
from enum import StrEnum
from types import SimpleNamespace

import pytest
from wtforms import BooleanField, SubmitField
from wtforms.validators import ValidationError

from app.kit.imports.csv_import import CsvImport
from app.kit.web.forms import BaseForm
from app.kit.web.forms.fields import (
    LookupField,
    choice_field,
    date_field,
    email_field,
    long_text_field,
    moment_field,
    money_field,
    number_field,
    text_field,
    url_field,
)
from app.kit.web.operations.line_forms import LineForm


class Status(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class ThingForm(BaseForm):
    name = text_field("Name")
    notes = long_text_field("Notes", required=False)
    email = email_field("Email", required=False)
    url = url_field("URL", required=False)
    hours = number_field("Hours", required=False)
    budget = money_field("Budget", currency="EUR")
    due_on = date_field("Due on", required=False)
    at = moment_field("At", required=False)
    status = choice_field("Status", Status)
    is_public = BooleanField("Public")
    owner = LookupField(
        "Owner",
        find=lambda text: SimpleNamespace(id=7) if text == "ada" else None,
        text_of="email",
        unknown="Nobody.",
        required=False,
    )
    submit = SubmitField("Save")

    def validate_due_on(self, field):
        if self.name.data == "Late":
            raise ValidationError("Too late.")


class FilteringForm(ThingForm):
    def filter_name(self, value):
        return value and value.upper()


TEXTS = {
    "name": ["Oak", "", "Late", "Oak\u200b", "x" * 201],
    "notes": ["", "two\nlines", "a\0b"],
    "email": ["", "Ada@Example.com", "no email"],
    "url": ["https://example.com", "example", ""],
    "hours": ["5", "", "x", "99999999999", "5"],
    "budget": ["1.50", "", "x", "1.50", "1e99"],
    "due_on": ["2026-01-31", "", "31.1.", "2026-01-31"],
    "at": ["2026-01-31T14:05", "", "x"],
    "status": ["open", "", "other", "CLOSED"],
    "owner": ["ada", "", "eve"],
}


def lines():
    """Yield lines in which each text follows texts that are right, wrong and missing."""
    columns = [itertools.cycle(texts) for texts in TEXTS.values()]
    for number in range(60):
        line = {name: next(column) for name, column in zip(TEXTS, columns, strict=True)}
        dropped = list(TEXTS)[number % len(TEXTS)]
        yield {name: text for name, text in line.items() if text and name != dropped}


def result(reader, cells):
    errors = reader.read(cells)
    data = {name: one.data for name, one in reader.form._fields.items()}
    return {name: list(texts) for name, texts in errors.items()}, data, reader.form.owner.row_id


@pytest.mark.parametrize("form", [ThingForm, FilteringForm])
def test_a_line_is_read_as_by_a_new_form(app, form):
    declared = CsvImport(form=form, key="name", add=None, change=None)
    with app.test_request_context():
        reader = LineForm(declared)
        for cells in [*lines(), *lines()]:
            assert result(reader, cells) == result(LineForm(declared), cells), cells
