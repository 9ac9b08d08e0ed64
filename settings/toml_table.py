"""Read a table of a TOML file, and check its keys one by one."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from settings.reader import BASE_DIR, ConfigurationError

T = TypeVar("T")
NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
EVENT = re.compile(r"[a-z][a-z0-9_]{0,60}\.[a-z][a-z0-9_]{0,60}")
CAPITALS = re.compile(r"[A-Z][A-Z0-9_]{0,60}")
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z0-9,_-]+\])?")
EXAMPLES = {NAME: "my_name", EVENT: "noun.verb", CAPITALS: "MY_NAME", PACKAGE: "a-package"}
WORDS = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
    dict: "a table",
}


class ManifestError(ConfigurationError):
    """A `feature.toml` is invalid. The message names the file and the key."""


def shown(path: Path) -> str:
    """Return a path for messages, relative to the project's folder."""
    return str(path.relative_to(BASE_DIR) if path.is_relative_to(BASE_DIR) else path)


class TomlTable:
    """A table of a manifest. Keys are taken one by one, and `end` rejects any remaining key."""

    def __init__(self, file: str, where: str, values: Mapping[str, Any]) -> None:
        self.file, self.where, self.values = file, where, dict(values)

    def error(self, key: str, problem: str) -> ManifestError:
        name = f"{self.where}{key}" if key else self.where.rstrip(".")
        return ManifestError(f"{self.file}: {name} {problem.rstrip('.')}.")

    def take(
        self, key: str, kind: type[T], default: T | None = None, may_be_empty: bool = False
    ) -> T:
        """Return the value of `key`, which must be of exactly this type."""
        if key not in self.values:
            if default is None:
                raise self.error(key, "is missing")
            return default
        value = self.values.pop(key)
        if type(value) is not kind or (value == "" and not may_be_empty):
            raise self.error(key, f"must be {WORDS[kind]}, not {value!r}")
        return value

    def texts(
        self, key: str, pattern: re.Pattern[str] | None = None, is_required: bool = False
    ) -> tuple[str, ...]:
        """Return a list of texts, empty if `key` is missing and not required."""
        values = self.take(key, list, None if is_required else [])
        for value in values:
            if not isinstance(value, str) or not value:
                raise self.error(key, f"must be a list of texts, not {values!r}")
            if pattern and not pattern.fullmatch(value):
                raise self.error(key, f"must hold names as in {EXAMPLES[pattern]}, not {value!r}")
        return tuple(values)

    def words(self, key: str, pattern: re.Pattern[str]) -> dict[str, str]:
        """Return a table of names and texts, empty if `key` is missing."""
        table = self.table(key)
        return {name: table.take(name, str) for name in table.names(pattern)}

    def table(self, key: str) -> "TomlTable":
        """Return the table `key`, or an empty table."""
        return TomlTable(self.file, f"{self.where}{key}.", self.take(key, dict, {}))

    def tables(self, key: str, pattern: re.Pattern[str]) -> list[tuple[str, "TomlTable"]]:
        """Return the tables in the table `key`, by name."""
        table = self.table(key)
        return [(name, table.table(name)) for name in table.names(pattern)]

    def rows(self, key: str) -> Iterator["TomlTable"]:
        """Yield the tables of a list of tables."""
        for number, values in enumerate(self.take(key, list, []), start=1):
            if not isinstance(values, dict):
                raise self.error(key, f"must be a list of tables: write [[{self.where}{key}]]")
            yield TomlTable(self.file, f"{self.where}{key}.{number}.", values)

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        for name in self.values:
            if not pattern.fullmatch(name):
                raise self.error(name, f"must be a name as in {EXAMPLES[pattern]}")
        return list(self.values)

    def end(self) -> None:
        """Raise ManifestError for a key that was not taken."""
        for key in self.values:
            raise self.error(key, "is not a key of a manifest; remove it, or correct its spelling")
