"""Read the lines of a CSV file with the form of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    Field,
    FileField,
    HiddenField,
    IntegerField,
    SelectField,
    SubmitField,
)

from app.kit.imports.csv_import import CsvImport
from app.kit.web.fields import LookupField, MoneyField

YES = frozenset({"yes", "y", "true", "1", "x", "on"})
NO = frozenset({"no", "n", "false", "0", "off"})
YES_OR_NO = "Write yes or no."
PARSED = (DateField, DateTimeLocalField, IntegerField, MoneyField, SelectField)
MOST_TEXTS = 5_000  # of a field to remember


class _Texts(dict[str, str]):
    """The texts of a line. A MultiDict, which a form reads otherwise, takes longer to make."""

    def getlist(self, name: str) -> list[str]:
        return [self[name]]


class LineForm:
    """The form of a declaration, which reads one line after another.

    Making a form takes longer than reading a line with it, so one serves a whole file.
    """

    def __init__(self, declared: CsvImport) -> None:
        self.form = declared.form(formdata=None, meta={"csrf": False})
        for button in [one.short_name for one in self.form if isinstance(one, SubmitField)]:
            del self.form[button]
        skipped = (HiddenField, FileField)
        self.fields: dict[str, Field] = {
            one.short_name: one
            for one in self.form
            if not isinstance(one, skipped)
            and one.short_name in (declared.fields or self.form._fields)
        }
        self._choices: dict[str, dict[str, str]] = {}
        for name, one in self.fields.items():
            if type(one) in PARSED:
                _parse_once(one)
            if isinstance(one, SelectField):
                self._choices[name] = _choices_of(one)
                _choose_quickly(one)
            elif isinstance(one, LookupField):
                one.remember()
        self._booleans = {n for n, one in self.fields.items() if isinstance(one, BooleanField)}
        self._blank = self.typed(None)

    def labels(self) -> dict[str, str]:
        return {name: str(one.label.text) for name, one in self.fields.items()}

    def typed(self, row: Any) -> dict[str, str]:
        """Return what the page of a row would send, or with None the page of a new row."""
        for one in self.form:
            one.raw_data = None  # what the line before had
        self.form.process(formdata=None, obj=row)
        texts = {one.short_name: _text_of(one) for one in self.form}
        return {name: text for name, text in texts.items() if text is not None}

    def read(self, cells: Mapping[str, str], typed: Mapping[str, str] | None = None) -> Any:
        """Read texts in place of those that a page would send, and return the errors by field."""
        texts = dict(self._blank if typed is None else typed)
        errors = {}
        for name, cell in cells.items():
            text = self._form_text(name, cell)
            if text is None:
                errors[name] = [YES_OR_NO]
            elif text or name not in self._booleans:
                texts[name] = text
            else:
                texts.pop(name, None)
        self.form.process(_Texts(texts))
        if not self.form.validate():
            errors = {**self.form.errors, **errors}
        return errors

    def _form_text(self, name: str, cell: str) -> str | None:
        """Return a cell as a page sends it, or None if it is neither yes nor no."""
        if name in self._choices:
            return self._choices[name].get(cell.casefold(), cell)
        if name in self._booleans:
            folded = cell.casefold()
            return "y" if folded in YES else "" if folded in NO else None
        return cell


def _choices_of(select: SelectField) -> dict[str, str]:
    """Return the value of each choice by its value and by its label, in lower case."""
    choices = [(str(one.value), str(one.label)) for one in select.iter_choices()]
    return {label.casefold(): value for value, label in choices if value} | {
        value.casefold(): value for value, _label in choices
    }


def _choose_quickly(select: SelectField) -> None:
    """Let a field look its choice up, because it compares all of them one by one."""
    known = {str(one.value) for one in select.iter_choices()}
    compare = select.pre_validate

    def look_up(form: Any) -> None:
        if ("" if select.data is None else str(select.data)) not in known:
            compare(form)

    select.pre_validate = look_up


def _parse_once(one: Field) -> None:
    """Let a field remember what it made of a text: parsing takes long, and columns repeat."""
    process = one.process
    seen: dict[str | None, tuple[Any, ...]] = {}

    def process_text(formdata: Mapping[str, str] | None, *others: Any, **options: Any) -> None:
        text = formdata.get(one.name) if formdata else None
        if text in seen:
            one.raw_data, one.data, one.process_errors = seen[text]
            return
        process(formdata, *others, **options)
        if text is not None and len(seen) < MOST_TEXTS:
            seen[text] = one.raw_data, one.data, one.process_errors

    one.process = process_text


def _text_of(one: Field) -> str | None:
    """Return what a page sends for a field, or None for a box that is not ticked."""
    if isinstance(one, BooleanField):
        return "y" if one.data else None
    if isinstance(one, SelectField):
        return "" if one.data is None else str(one.data)
    reader = getattr(one, "_value", None)
    return str(reader()) if reader else None
