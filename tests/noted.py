"""Note which names of a form or a query the app asks a request for."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from flask import Flask
from werkzeug.datastructures import ImmutableMultiDict

EVERYTHING = "*"  # noted when all names are looked through


class NotedFields(ImmutableMultiDict[str, str]):
    """The fields of a form or a query, which note the names that the app asks for."""

    asked: ClassVar[set[str]] = set()

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)

    def getlist(self, key: str, *arguments: Any, **options: Any) -> list[Any]:
        self.asked.add(key)
        return super().getlist(key, *arguments, **options)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self.asked.add(EVERYTHING)
        return super().__iter__()

    def keys(self) -> Any:
        self.asked.add(EVERYTHING)
        return super().keys()

    def values(self) -> Any:
        self.asked.add(EVERYTHING)
        return super().values()

    def listvalues(self) -> Any:
        self.asked.add(EVERYTHING)
        return super().listvalues()

    def items(self, multi: bool = False) -> Any:
        self.asked.add(EVERYTHING)
        return super().items(multi)

    def lists(self) -> Any:
        self.asked.add(EVERYTHING)
        return super().lists()

    def to_dict(self, flat: bool = True) -> dict[str, Any]:
        self.asked.add(EVERYTHING)
        return super().to_dict(flat)


def noted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the set of names that the app asks forms and queries for, until the test ends."""
    monkeypatch.setattr(NotedFields, "asked", set())
    monkeypatch.setattr(app.request_class, "parameter_storage_class", NotedFields)
    return NotedFields.asked
