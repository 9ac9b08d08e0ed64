"""Provide form fields for the usual columns, each with its limits and its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC
from enum import StrEnum
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from wtforms import (
    DateField,
    DateTimeLocalField,
    EmailField,
    Field,
    Form,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
    URLField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    StopValidation,
    ValidationError,
)
from wtforms.widgets import TextInput

from app.kit import money
from app.kit.database import HIGHEST_INTEGER
from app.kit.names import EMAIL_LENGTH
from app.kit.web.forms import Address, cut, is_storable, strip

LINE_LENGTH, TEXT_LENGTH, URL_LENGTH = 200, 10_000, 2_000
MOST_MONEY = 10**14
# Invisible characters would let the text of a link show another URL than it opens.
INVISIBLE = r"\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
URL = (
    rf"(?i)\Ahttps?://[^\s/?#.@:{INVISIBLE}]+(\.[^\s/?#.@:{INVISIBLE}]+)*"
    rf"(:\d{{1,5}})?([/?#][^\s{INVISIBLE}]*)?\Z"
)
NOT_A_CHOICE = "Choose one of the list."


def text_field(label: str, *, required: bool = True) -> StringField:
    """Return a field for one line of text."""
    return StringField(label, **_text(label, LINE_LENGTH, required))


def long_text_field(label: str, *, required: bool = True) -> TextAreaField:
    """Return a field for several lines of text."""
    return TextAreaField(label, **_text(label, TEXT_LENGTH, required))


def email_field(label: str, *, required: bool = True) -> EmailField:
    """Return a field for an email. Browsers do not fill in the user's own."""
    return EmailField(
        label,
        filters=[cut(2 * EMAIL_LENGTH), lambda value: value or ""],
        validators=[*_presence(label, required, DataRequired), Address()],
        render_kw={"autocomplete": "off", "maxlength": EMAIL_LENGTH},
    )


def url_field(label: str, *, required: bool = True) -> URLField:
    """Return a field for the URL of a web page."""
    is_url = Regexp(URL, message="Enter a URL like https://example.com/page.")
    return URLField(label, **_text(label, URL_LENGTH, required, is_url))


def number_field(label: str, *, required: bool = True) -> IntegerField:
    """Return a field for a whole number that a column of integers holds."""
    return IntegerField(
        label,
        validators=[
            *_presence(label, required),
            stop_at_errors,
            NumberRange(-HIGHEST_INTEGER, HIGHEST_INTEGER, "Enter a smaller number."),
        ],
        invalid_value_message="Enter a whole number.",
    )


def date_field(label: str, *, required: bool = True) -> DateField:
    """Return a field for a date."""
    return DateField(
        label,
        validators=_presence(label, required),
        invalid_value_message="Enter a date like 2026-01-31.",
    )


def moment_field(label: str, *, required: bool = True) -> DateTimeLocalField:
    """Return a field for a date and a time in UTC. Its `data` is aware."""
    return DateTimeLocalField(
        f"{label} (UTC)",
        format=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
        tz=UTC,
        validators=_presence(label, required),
        invalid_value_message="Enter a date and a time like 2026-01-31 14:05.",
    )


class MoneyField(Field):
    """An amount of money. Its `data` holds minor units, such as cents."""

    widget = TextInput()
    data: Any

    def __init__(self, label: str, *, currency: str, **options: Any) -> None:
        self.currency = currency
        super().__init__(label, **options)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else money.amount(self.data, self.currency, separator="")

    def process_formdata(self, valuelist: list[str]) -> None:
        given = valuelist[0].strip() if valuelist else ""
        self.data = money.parsed(given, self.currency) if given else None
        if given and (self.data is None or abs(self.data) > MOST_MONEY):
            self.data = None
            example = money.amount(123450, self.currency, separator="")
            raise ValueError(f"Enter an amount like {example}.")


def money_field(label: str, *, currency: str, required: bool = True) -> MoneyField:
    """Return a field for an amount of money, written without its currency."""
    return MoneyField(
        f"{label} ({currency})",
        currency=currency,
        validators=_presence(label, required),
        render_kw={"inputmode": "decimal", "maxlength": 20},
    )


def choice_field(label: str, choices: type[StrEnum], *, required: bool = True) -> SelectField:
    """Return a field for one member of an Enum. A required field begins with the first one."""
    pairs = [SelectChoice(choice.value, words(choice)) for choice in choices]
    return SelectField(
        label,
        choices=pairs if required else [SelectChoice("", "None"), *pairs],
        coerce=lambda value: choices(value) if value else None,
        default=next(iter(choices)) if required else None,
        invalid_value_message=NOT_A_CHOICE,
        invalid_choice_message=NOT_A_CHOICE,
    )


def row_field(
    label: str, rows: Callable[[], Iterable[tuple[int, str]]], *, required: bool = True
) -> SelectField:
    """Return a field for a row of another table. `rows` returns ids and labels."""

    def choices() -> list[SelectChoice]:
        pairs = [SelectChoice(str(row_id), name) for row_id, name in rows()]
        return [SelectChoice("", "Choose" if required else "None"), *pairs]

    return SelectField(
        label,
        choices=choices,
        coerce=lambda value: int(value) if value else None,
        validators=[InputRequired(NOT_A_CHOICE)] if required else [],
        invalid_value_message=NOT_A_CHOICE,
        invalid_choice_message=NOT_A_CHOICE,
    )


class LookupField(StringField):
    """A row that users name by a text, such as a user by email. `row` is the row, or None.

    `find` returns the row of a text, and `text_of` is the attribute with the text of a row.
    """

    def __init__(
        self,
        label: str,
        *,
        find: Callable[[str], Any],
        text_of: str,
        unknown: str,
        required: bool = True,
        **options: Any,
    ) -> None:
        self.find, self.text_of, self.unknown, self.row = find, text_of, unknown, None
        options["validators"] = _presence(label, required, DataRequired)
        super().__init__(label, filters=[strip], **options)

    def remember(self) -> None:
        """Find each text once, for many rows in a transaction each. `row` has the id alone."""
        find = self.find

        @lru_cache(maxsize=10_000)
        def find_once(text: str) -> Any:
            row = find(text)
            return row and SimpleNamespace(id=row.id)

        self.find = find_once

    def process_data(self, value: Any) -> None:
        self.row, self.data = value, getattr(value, self.text_of, "")

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        self.row = None

    def post_validate(self, form: Form, validation_stopped: bool) -> None:
        if not validation_stopped:
            # PostgreSQL raises an error for a query with a NUL.
            self.row = self.find(self.data) if is_storable(self) else None
            if self.row is None:
                raise ValidationError(self.unknown)

    @property
    def row_id(self) -> Any:
        """The id of the row. Use it only after the form has been validated."""
        return self.row.id if self.row else None


def words(value: str) -> str:
    """Return the label of a value such as in_progress."""
    return value.replace("_", " ").capitalize()


def _text(label: str, length: int, required: bool, *validators: Any) -> dict[str, Any]:
    fits = Length(max=length, message="Use at most %(max)d characters.")
    return {
        "filters": [cut(length), lambda value: value or ""],
        # DataRequired refuses a text of spaces, too.
        "validators": [*_presence(label, required, DataRequired), fits, *validators],
        "render_kw": {"maxlength": length},
    }


def _presence(label: str, required: bool, validator: Any = InputRequired) -> list[Any]:
    return [validator(f"Fill in “{label}”.") if required else Optional()]


def stop_at_errors(_form: Form, field: Field) -> None:
    """End the validation of a text that could not be read, with the message about that."""
    if field.errors:
        raise StopValidation
