"""Read the `feature.toml` of every feature: title, settings, menu entries, event names.

This module imports no application code, because the configuration needs the settings of features
before their code is imported.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from settings.declarations import Setting, declared
from settings.reader import BASE_DIR, ConfigurationError
from settings.toml_table import CAPITALS, EVENT, NAME, PACKAGE, ManifestError, TomlTable, shown

FEATURES = BASE_DIR / "app" / "features"
FILE = "feature.toml"
MENUS = ("admin", "account", "member", "site", "footer")


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link in a menu, shown to users who may open `endpoint` and, if set, `needs`.

    With a `setting`, it is shown only if that setting has a value other than false, 0 and "".
    A group has the position of its first entry. Entries of the group "" come before all groups.
    """

    endpoint: str
    label: str
    group: str
    icon: str
    order: int
    needs: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class NewPermission:
    """A permission that a feature brings to the ledger of bits when it is added.

    `bit` is the exponent of its bit, from 16 to 29, or 0 for the next free one.
    """

    constant: str
    name: str
    sentence: str
    opens_admin: bool
    bit: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a feature in its `feature.toml`."""

    name: str
    title: str
    summary: str
    requires: tuple[str, ...]
    settings: Mapping[str, Setting]
    choices: Mapping[str, str]  # by settings of the core that may have them with the feature alone
    menu: Mapping[str, tuple[MenuEntry, ...]]
    events: Mapping[str, str]
    nouns: Mapping[str, str]  # headings of event names
    subjects: Mapping[str, str]  # kinds of rows that are subjects of events
    searches: tuple[str, ...]  # events with a search, which erasing a user rewrites
    permissions: tuple[str, ...]
    new_permissions: Mapping[str, NewPermission]
    tables: tuple[str, ...]
    packages: tuple[str, ...]  # of requirements/common.in that nothing else needs
    adapters: str  # the name of a module that other features may have for this one, or ""
    off: bool = False


def read(folder: Path = FEATURES, off: Collection[str] = ()) -> dict[str, Manifest]:
    """Return the features in `folder` by name, each after the features that it requires.

    `off` is the value of FEATURES_OFF. Raises ManifestError, or ConfigurationError about `off`.
    """
    manifests = {path.name: _manifest(path, path.name in off) for path in _folders(folder)}
    _check_claims(manifests)
    _check_off(manifests, off)
    return {name: manifests[name] for name in _order(folder, manifests)}


def read_one(folder: Path, others: Mapping[str, Manifest]) -> Manifest:
    """Return the manifest of a feature that is to join `others`. Raises ManifestError."""
    manifest = _manifest(folder, off=False)
    together = {**others, manifest.name: manifest}
    _check_claims(together)
    _order(folder.parent, together)
    return manifest


@dataclass(frozen=True, slots=True)
class CoreManifest:
    """The core's own menu entries and event names, in the format of a `feature.toml`."""

    menu: Mapping[str, tuple[MenuEntry, ...]]
    events: Mapping[str, str]
    nouns: Mapping[str, str]
    subjects: Mapping[str, str]


def read_core(path: Path) -> CoreManifest:
    """Read `app/core.toml`. Raises ManifestError."""
    table = TomlTable(shown(path), "", _values(path))
    core = CoreManifest(
        menu=_menu(table.table("menu")),
        events=table.words("events", EVENT),
        nouns=table.words("nouns", NAME),
        subjects=table.words("subjects", NAME),
    )
    table.end()
    return core


@cache
def read_once(folder: Path, off: tuple[str, ...]) -> dict[str, Manifest]:
    """Return the cached result of `read`, which takes 10 ms."""
    return read(folder, off)


def _folders(folder: Path) -> list[Path]:
    """Return the folders of features, and skip folders with nothing but a `__pycache__`."""
    return sorted(
        path.parent
        for path in {*folder.glob(f"*/{FILE}"), *folder.glob("*/__init__.py")}
        if path.name == FILE or not path.with_name(FILE).exists()
    )


def _manifest(folder: Path, off: bool) -> Manifest:
    path = folder / FILE
    file = shown(path)
    if not NAME.fullmatch(folder.name):
        raise ManifestError(f"{file}: a feature's folder is named in lower case, as in my_feature.")
    table = TomlTable(file, "", _values(path))
    new_permissions = {
        key: _permission(key, one) for key, one in table.tables("new_permissions", CAPITALS)
    }
    manifest = Manifest(
        name=folder.name,
        title=table.take("title", str),
        summary=table.take("summary", str),
        requires=table.texts("requires", NAME),
        settings={key: declared(key, one) for key, one in table.tables("settings", CAPITALS)},
        choices=table.words("choices", CAPITALS),
        menu=_menu(table.table("menu")),
        events=table.words("events", EVENT),
        nouns=table.words("nouns", NAME),
        subjects=table.words("subjects", NAME),
        searches=table.texts("searches", EVENT),
        permissions=(*table.texts("permissions", CAPITALS), *new_permissions),
        new_permissions=new_permissions,
        tables=table.texts("tables", NAME),
        packages=table.texts("packages", PACKAGE),
        adapters=table.take("adapters", str, ""),
        off=off,
    )
    for action in manifest.searches:
        if action not in manifest.events:
            raise table.error("searches", f"names {action}, which is not one of its events")
    table.end()
    return manifest


def _values(path: Path) -> dict[str, Any]:
    file = shown(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(f"{file} is missing: write one, with title and summary.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file} is not TOML: {error}.") from None


def _permission(constant: str, table: TomlTable) -> NewPermission:
    permission = NewPermission(
        constant=constant,
        name=table.take("name", str),
        sentence=table.take("sentence", str),
        opens_admin=table.take("opens_admin", bool, False),
        bit=table.take("bit", int, 0),
    )
    if permission.bit not in {0, *range(16, 30)}:
        raise table.error("bit", f"must be from 16 to 29, for 2**16 to 2**29, not {permission.bit}")
    table.end()
    return permission


def _menu(table: TomlTable) -> dict[str, tuple[MenuEntry, ...]]:
    menus = {menu: tuple(map(_entry, table.rows(menu))) for menu in MENUS}
    table.end()
    return menus


def _entry(row: TomlTable) -> MenuEntry:
    is_grouped = row.where.startswith("menu.admin")
    entry = MenuEntry(
        endpoint=row.take("endpoint", str),
        label=row.take("label", str),
        group=row.take("group", str, None if is_grouped else "", may_be_empty=True),
        icon=row.take("icon", str, ""),
        order=row.take("order", int, 100),
        needs=row.take("needs", str, ""),
        setting=row.take("setting", str, ""),
    )
    row.end()
    return entry


def _check_claims(manifests: Mapping[str, Manifest]) -> None:
    """Raise ManifestError if two features declare the same unique name."""
    owners: dict[tuple[str, str], str] = {}
    for name, manifest in manifests.items():
        for claim in _claims(manifest):
            if owners.setdefault(claim, name) != name:
                thing, key = claim
                raise ManifestError(
                    f"The features {owners[claim]} and {name} both have the {thing} {key}. "
                    f"Remove it from the {FILE} of one of them, or rename it there."
                )


def _claims(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield from (("setting", name) for name in manifest.settings)
    yield from (("event name", name) for name in manifest.events)
    yield from (("noun", name) for name in manifest.nouns)
    yield from (("subject", name) for name in manifest.subjects)
    yield from (("table", name) for name in manifest.tables)
    yield from (("permission", name) for name in manifest.new_permissions)
    if manifest.adapters:
        yield "adapter module", manifest.adapters
    for entries in manifest.menu.values():
        yield from (("menu endpoint", entry.endpoint) for entry in entries)


def _check_off(manifests: Mapping[str, Manifest], off: Collection[str]) -> None:
    for name in off:
        if name not in manifests:
            raise ConfigurationError(
                f"FEATURES_OFF names {name}, but there is no such feature. The features are "
                f"{', '.join(manifests) or 'none'}."
            )
    for name, manifest in manifests.items():
        if not manifest.off and (missing := next((r for r in manifest.requires if r in off), "")):
            raise ConfigurationError(
                f"FEATURES_OFF names {missing}, but the feature {name} requires it. Add {name} to "
                f"FEATURES_OFF, or take {missing} out of it."
            )


def _order(folder: Path, manifests: Mapping[str, Manifest]) -> list[str]:
    """Return the names of features, each after the features that it requires."""
    for name, manifest in manifests.items():
        for required in manifest.requires:
            if required not in manifests:
                raise ManifestError(
                    f"{shown(folder / name / FILE)}: requires names {required}, but there is no "
                    "such feature."
                )
    graph = {name: manifest.requires for name, manifest in manifests.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise ManifestError(f"Features require each other in a circle: {circle}.") from None
