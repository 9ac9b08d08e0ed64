"""Fields for the usual columns, by the rules of the forms (app/kit/web/forms/fields.py)."""

import re
from typing import Any

from flask import url_for
from marshmallow import ValidationError, fields, validate
from sqlalchemy.orm import DeclarativeBase

from app.extensions import db
from app.features.api.schemas import Digits, Text
from app.kit.database import HIGHEST_INTEGER
from app.kit.web.forms.fields import URL, URL_LENGTH

IS_URL = re.compile(URL)


class WholeNumber(fields.Integer):
    """A whole number that a column of integers holds, or one with `most` as its limit."""

    def __init__(self, *, most: int = HIGHEST_INTEGER, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(-most, most), **options)


class WebUrl(Text):
    """The URL of a web page. With `blank`, it may be empty."""

    def __init__(self, *, blank: bool = False, **options: Any) -> None:
        super().__init__(most=URL_LENGTH, **options)
        self.blank = blank

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not (text == "" and self.blank) and not IS_URL.match(text[: URL_LENGTH + 1]):
            raise ValidationError("Send a URL like https://example.com/page.")
        return text


class FileAddress(fields.String):
    """The path at which programs get a file of a row, or null. It changes with the file.

    `attribute` is the column with the id of the file. The operation `endpoint` takes the row's id.
    """

    def __init__(self, endpoint: str, argument: str, **options: Any) -> None:
        super().__init__(dump_only=True, allow_none=True, **options)
        self.endpoint, self.argument = endpoint, argument

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return url_for(self.endpoint, **{self.argument: obj.id}, file=value)


class RowId(Digits):
    """The id of a row, which has to exist and not to be a deleted user."""

    def __init__(self, model: type[DeclarativeBase], **options: Any) -> None:
        super().__init__(**{"strict": True} | options)
        self.model = model

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        row_id: int = super()._deserialize(value, attr, data, **kwargs)
        if not 0 < row_id <= HIGHEST_INTEGER or self._is_gone(row_id):
            raise ValidationError("There is no such row.")
        return row_id

    def _is_gone(self, row_id: int) -> bool:
        row = db.session.get(self.model, row_id)
        return row is None or bool(getattr(row, "is_deleted", False))
