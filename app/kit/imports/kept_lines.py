"""Keep lines that were read, because reading takes most of the time of an import."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from tempfile import TemporaryFile
from typing import Any, Self

from app.kit.imports.lines import ImportLine


class KeptLines:
    """Batches of lines in an unnamed temporary file, which is deleted on close.

    `is_whole` is false if a line has a value that cannot be kept, such as a row of the database.
    Then the caller reads the lines again.
    """

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.is_whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def add(self, batch: Sequence[ImportLine]) -> None:
        if not self.is_whole:
            return
        lines = [[getattr(line, name) for name in _kept(line)] for line in batch]
        try:
            _Pickler(self._file, pickle.HIGHEST_PROTOCOL).dump(lines)
        except (pickle.PicklingError, TypeError, AttributeError):
            self.is_whole = False

    def batches(self, line_at: Callable[[int], ImportLine]) -> Iterator[list[Any]]:
        """Yield the batches. `line_at` makes the empty line of a number."""
        self._file.seek(0)
        while True:
            try:
                lines = pickle.load(self._file)  # noqa: S301 - this process has written the file
            except EOFError:
                return
            yield [_filled(line_at(values[0]), values) for values in lines]


class _Pickler(pickle.Pickler):
    """A pickler that refuses rows of the database, which belong to their transaction."""

    def reducer_override(self, value: Any) -> Any:
        if hasattr(value, "_sa_instance_state"):
            raise pickle.PicklingError
        return NotImplemented


def _kept(line: ImportLine) -> list[str]:
    """Return the names of the values to keep. The number of the line is the first."""
    return [one.name for one in fields(line) if one.name not in line.shared]


def _filled(line: ImportLine, values: Sequence[Any]) -> ImportLine:
    for name, value in zip(_kept(line), values, strict=True):
        setattr(line, name, value)
    return line
