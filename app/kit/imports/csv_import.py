"""The declaration of an import, as a part of a table's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.kit.web.forms import BaseForm


@dataclass(frozen=True)
class CsvImport:
    """The import of CSV files into a table, with the form and the services of its pages.

    - `form` is the form of a row's page. It reads each line, so that a line is as good as what
      users type. Its method `values()` returns the input.
    - `key` is the field that tells rows apart, and a column of the model.
    - `add(values, by=user)` adds rows for a list of values, and `change(row, values, by=user)`
      changes a locked row, both without a commit. They may raise RowRefused.
    - `fields` names the fields that a file may hold, by default all of the form.
    - `names` has other names of their columns, in lower case without accents.
    """

    form: type[BaseForm]
    key: str
    add: Callable[..., object]
    change: Callable[..., object]
    fields: Sequence[str] = ()
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
