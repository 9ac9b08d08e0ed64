"""Lines that were read are kept in a file until they are written."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from app.kit.imports.kept_lines import KeptLines
from app.kit.imports.lines import ImportLine
from app.models import User


@dataclass(slots=True)
class Line(ImportLine):
    shared: ClassVar = ("reader",)
    reader: Any = None
    values: Any = None
    cells: dict[str, str] = field(default_factory=dict)


def test_lines_come_back_as_they_were_in_their_batches():
    reader = object()
    lines = [Line(number, values=(number, "é"), cells={"a": str(number)}) for number in range(5)]
    with KeptLines() as kept:
        kept.add(lines[:3])
        kept.add(lines[3:])
        assert kept.is_whole
        found = list(kept.batches(lambda line: Line(line, reader=reader)))
    assert [len(batch) for batch in found] == [3, 2]
    assert [(one.line, one.values, one.cells) for batch in found for one in batch] == [
        (one.line, one.values, one.cells) for one in lines
    ]
    assert all(one.reader is reader for batch in found for one in batch)


def a_row():
    return User(email="a@example.com", role_id=1)


def a_function():
    return lambda: 0


@pytest.mark.parametrize("make", [a_row, a_function])
def test_a_value_that_cannot_be_kept_is_read_again(make):
    with KeptLines() as kept:
        kept.add([Line(1, values=[make()])])
        kept.add([Line(2)])
        assert not kept.is_whole
