"""The lines of a file for a declared table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.kit.imports.lines import ImportLine
from app.kit.web.operations.line_forms import LineForm


@dataclass(slots=True)
class TableLine(ImportLine):
    """A line of a file for a declared table. `cells` has the texts that are not empty."""

    reader: LineForm = field(kw_only=True)
    key_field: str = field(kw_only=True)
    cells: dict[str, str] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The errors of the line as a new row, which may be none for a row that is there."""
    value: Any = None
    """The value of the key."""
    values: Any = None
    """The values of a new row, if there are no errors."""

    @property
    def key(self) -> str:
        return "" if self.value is None else str(self.value)

    @property
    def label(self) -> str:
        return self.cells.get(self.key_field, "")[:100]

    def take(self, name: str, text: str) -> None:
        if text and name in self.reader.fields:
            self.cells[name] = text

    def finish(self) -> None:
        if self.problems:
            return
        self.errors = self.reader.read(self.cells)
        self.values = None if self.errors else self.reader.form.values()
        if self.key_field not in self.errors:
            self.value = self.reader.form[self.key_field].data
        if self.value in (None, ""):
            self.value = None
            words = self.errors.get(self.key_field) or ["This line has no value for the key."]
            self.complain(self.key_field, self.label, words[0])

    def complain_about(self, errors: Mapping[Any, Sequence[str]]) -> None:
        """Turn the errors of the form into problems of the line."""
        for name, messages in errors.items():
            for message in messages:
                self.complain(str(name or ""), self.cells.get(name, ""), message)
