"""Read the lines of a CSV file with the form of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    Field,
    FileField,
    Form,
    HiddenField,
    IntegerField,
    SelectField,
    SubmitField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp

from app.kit.imports.csv_import import CsvImport
from app.kit.web.forms.fields import LookupField, MoneyField, stop_at_errors

YES = frozenset({"yes", "y", "true", "1", "x", "on"})
NO = frozenset({"no", "n", "false", "0", "off"})
YES_OR_NO = "Write yes or no."
PARSED = (DateField, DateTimeLocalField, IntegerField, MoneyField, SelectField)
# Validators that look at the text of their field alone.
PURE = (DataRequired, InputRequired, Length, NumberRange, Optional, Regexp)
MOST_TEXTS = 5_000  # of a field to remember
Process = Callable[..., None]


class _Texts(dict[str, str]):
    """The texts of a line as form data. A MultiDict takes longer to make."""

    def getlist(self, name: str) -> list[str]:
        return [self[name]]


class LineForm:
    """A form that reads the lines of a file one after another.

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
        self.files = [str(one.label.text) for one in self.form if isinstance(one, FileField)]
        self._choices: dict[str, dict[str, str]] = {}
        for name, one in self.fields.items():
            if isinstance(one, SelectField):
                self._choices[name] = _choices_of(one)
                _choose_quickly(one)
            elif isinstance(one, LookupField):
                one.remember()
            _validate_once(one)
        # Loops over the fields cost less than Form.process, which looks for filters by name.
        is_plain = type(self.form).process is Form.process and not any(
            hasattr(self.form, f"filter_{name}") for name in self.form._fields
        )
        self._processes = [_process_quickly(one) for one in self.form] if is_plain else []
        self._booleans = {n for n, one in self.fields.items() if isinstance(one, BooleanField)}
        self._blank = self.typed(None)

    def labels(self) -> dict[str, str]:
        return {name: str(one.label.text) for name, one in self.fields.items()}

    def typed(self, row: Any) -> dict[str, str]:
        """Return the form data that the page of `row` would send, or of a new row for None."""
        for one in self.form:
            one.raw_data = None  # what the line before had
        self.form.process(formdata=None, obj=row)
        texts = {one.short_name: _text_of(one) for one in self.form}
        return {name: text for name, text in texts.items() if text is not None}

    def read(self, cells: Mapping[str, str], typed: Mapping[str, str] | None = None) -> Any:
        """Replace form data of the page by `cells`, validate it, and return the errors by field."""
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
        self._process(_Texts(texts))
        if not self.form.validate():
            errors = {**self.form.errors, **errors}
        return errors

    def _process(self, texts: _Texts) -> None:
        if not self._processes:
            self.form.process(texts)
            return
        for process in self._processes:
            process(texts)
        self.form.post_process(texts)

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


def _process_quickly(one: Field) -> Process:
    """Return the function that a field processes a text with.

    Asking a default whether it is a function costs as much as the rest. A field whose text says all
    remembers what it made of it, because parsing takes long, and columns repeat.
    """
    process, default = one.process, one.default
    if type(one).process is not Field.process or callable(default):
        return process
    seen: dict[str, tuple[Any, ...]] | None = {} if type(one) in PARSED else None

    def process_text(formdata: Mapping[str, str], **options: Any) -> None:
        text = formdata.get(one.name)
        if text is None or options.get("extra_filters"):
            process(formdata, **options)
            return
        if seen is not None and text in seen:
            one.raw_data, one.data, one.process_errors = seen[text]
            return
        process(formdata, default, **options)
        if seen is not None and len(seen) < MOST_TEXTS:
            seen[text] = one.raw_data, one.data, one.process_errors

    return process_text


def _validate_once(one: Field) -> None:
    """Let a field remember the errors of a text, if its validators look at nothing else."""
    if type(one) not in PARSED or not all(map(_is_pure, one.validators)):
        return
    validate = one.validate
    seen: dict[str, list[str]] = {}

    def validate_text(form: Any, extra_validators: Any = ()) -> bool:
        text = one.raw_data[0] if one.raw_data else None
        if text in seen and not extra_validators:
            one.errors = [*seen[text]]
            return not one.errors
        is_valid: bool = validate(form, extra_validators)
        if text is not None and not extra_validators and len(seen) < MOST_TEXTS:
            seen[text] = [*one.errors]
        return is_valid

    one.validate = validate_text


def _is_pure(validator: Any) -> bool:
    return validator is stop_at_errors or type(validator) in PURE


def _text_of(one: Field) -> str | None:
    """Return the form data of a field, or None for an unchecked box."""
    if isinstance(one, BooleanField):
        return "y" if one.data else None
    if isinstance(one, SelectField):
        return "" if one.data is None else str(one.data)
    reader = getattr(one, "_value", None)
    return str(reader()) if reader else None
