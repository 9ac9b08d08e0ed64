"""Provide the form fields for the files of a row, and helpers for their pages."""

from __future__ import annotations

import os
from typing import Any

from flask import current_app
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ServiceUnavailable
from wtforms.validators import ValidationError

from app.kit import storage
from app.kit.storage.files import ensure_size
from app.kit.web.bodies import MEGABYTE
from app.kit.web.errors import show
from app.kit.web.forms import BaseForm

AWAY = ("The file could not be stored", "The place for files does not answer. Try again soon.")


class UploadField(FileField):
    """A file of a row. `data` is the upload, or else the present file of the row.

    `setting` has the number of megabytes that it may have.
    """

    def __init__(self, label: str, *, setting: str, **options: Any) -> None:
        super().__init__(label, **options)
        self.setting = setting

    @property
    def upload(self) -> FileStorage | None:
        return self.data if isinstance(self.data, FileStorage) else None

    def pre_validate(self, form: Any) -> None:
        if self.upload is None:
            return
        size = self.upload.stream.seek(0, os.SEEK_END)
        self.upload.stream.seek(0)
        try:
            ensure_size(size, current_app.config[self.setting] * MEGABYTE)
        except storage.FileRefused as refusal:
            raise ValidationError(str(refusal)) from None


class FilesForm(BaseForm):
    """A form with files of a row.

    Beside each `UploadField` it has a box of the same name after `remove_`. The box is left out if
    the row has no file.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self._upload_fields():
            field.description = f"Up to {current_app.config[field.setting]} MB."
            if field.object_data is None:
                del self[f"remove_{field.short_name}"]
            else:
                present = f"Now: {field.object_data.shown_name}. Another file takes its place."
                field.description = f"{present} {field.description}"

    def uploads(self) -> dict[str, FileStorage | None]:
        """Return the new files by their columns, and None for one that is removed.

        Use it only after the form has been validated.
        """
        chosen: dict[str, FileStorage | None] = {}
        for field in self._upload_fields():
            name = field.short_name
            if field.upload:
                chosen[f"{name}_id"] = field.upload
            elif f"remove_{name}" in self and self[f"remove_{name}"].data:
                chosen[f"{name}_id"] = None
        return chosen

    def _upload_fields(self) -> list[UploadField]:
        return [field for field in self if isinstance(field, UploadField)]


def show_away(_error: Exception) -> Any:
    """Respond with 503 if the place for files does not answer."""
    return show(ServiceUnavailable(), AWAY)
