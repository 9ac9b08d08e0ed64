"""Parse the settings that features declare, by type."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from settings.reader import ConfigurationError, Reader
from settings.toml_table import TomlTable

OPTIONS = {
    "least": int,
    "most": int,
    "choices": list,
    "fields": list,
    "pattern": str,
    "refusal": str,
}


@dataclass(frozen=True, slots=True)
class SettingType:
    """A type of settings: the reader's method, and the keys besides `type` and `help`."""

    read: Callable[..., Any]
    default: type | None = None  # None: an unset value is empty
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


TYPES = {
    "text": SettingType(Reader.text, str),
    "line": SettingType(Reader.line, str),
    "secret": SettingType(Reader.secret),
    "key": SettingType(Reader.key),
    "pattern": SettingType(Reader.pattern, required=("pattern", "refusal")),
    "flag": SettingType(Reader.flag, bool),
    "choice": SettingType(Reader.choice, str, required=("choices",)),
    "number": SettingType(Reader.number, int, optional=("least", "most")),
    "days": SettingType(Reader.days, int, optional=("least", "most")),
    "cron": SettingType(Reader.cron, str),
    "list": SettingType(Reader.listing),
    "host": SettingType(Reader.host),
    "hosts": SettingType(Reader.hosts),
    "file": SettingType(Reader.file),
    "site": SettingType(Reader.site),
    "groups": SettingType(Reader.groups, required=("fields",)),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a feature."""

    name: str
    type: str
    default: Any  # None for types without one
    help: str
    options: Mapping[str, Any]

    def value(self, read: Reader) -> Any:
        """Return the setting from the environment. Raises ConfigurationError."""
        default = {} if self.default is None else {"default": self.default}
        return TYPES[self.type].read(read, self.name, **default, **self.options)


def declared(name: str, table: TomlTable) -> Setting:
    """Return the setting that a manifest's table declares. Raises ManifestError."""
    chosen = table.take("type", str)
    if chosen not in TYPES:
        raise table.error("type", f"must be one of {', '.join(TYPES)}, not {chosen!r}")
    kind = TYPES[chosen]
    options: dict[str, Any] = {
        key: table.texts(key, is_required=True)
        if OPTIONS[key] is list
        else table.take(key, OPTIONS[key])
        for key in (*kind.required, *kind.optional)
        if key in kind.required or key in table.values
    }
    default = table.take("default", kind.default, may_be_empty=True) if kind.default else None
    explanation = table.take("help", str)
    table.end()
    try:
        if "pattern" in options:
            options["pattern"] = re.compile(options["pattern"])
        setting = Setting(name, chosen, default, explanation, options)
        setting.value(Reader({name: "" if default is None else str(default)}))
    except (ConfigurationError, re.error) as error:
        raise table.error("", f"is not right: {error}") from None
    return setting
