"""Read which product this is, and which release of the kit it is made from.

The kit has its version in `[project]` of pyproject.toml. A copy has its own version there, and the
table `[tool.kit]` records where the copy stands. This module needs no package.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = "pyproject.toml"
HEADING = "[tool.kit]"
TABLE = re.compile(r"^\[tool\.kit\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
VERSION = re.compile(r"^(\[project\]\n(?:(?!\[).*\n)*?version = )\"[^\"\n]*\"", re.MULTILINE)


@dataclass(frozen=True)
class KitRecord:
    """The entries of `[tool.kit]`, and the version of the product."""

    product: str
    """The version in `[project]`."""
    version: str
    """The release of the kit that was merged last."""
    name: str = ""
    """The name that `manage.py rename` gave the product."""
    source: str = ""
    """The repository or bundle of the last upgrade."""
    keep: tuple[str, ...] = ("CHANGELOG.md",)
    """Files that stay as they are in an upgrade, once the copy has changed them."""
    is_recorded: bool = False
    """Whether `[tool.kit]` names the release. Without, it is taken from the product's version."""

    def sentence(self) -> str:
        if self.product == self.version:
            return f"version {self.product}"
        return f"version {self.product}, on release {self.version} of the kit"


def read(folder: Path = ROOT) -> KitRecord:
    """Return the record in the project at `folder`."""
    return parsed((folder / FILE).read_text(encoding="utf-8"))


def parsed(text: str) -> KitRecord:
    """Return the record in the text of a pyproject.toml. Raises tomllib.TOMLDecodeError."""
    whole = tomllib.loads(text)
    product = str(whole.get("project", {}).get("version", ""))
    kit = whole.get("tool", {}).get("kit", {})
    lists = {"keep": tuple(kit["keep"])} if "keep" in kit else {}
    return KitRecord(
        product=product,
        version=str(kit.get("version", product)),
        name=str(kit.get("name", "")),
        source=str(kit.get("source", "")),
        is_recorded="version" in kit,
        **lists,
    )


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return the text of a pyproject.toml with these values in `[tool.kit]`."""
    table = TABLE.search(text)
    if not table:
        return with_values(f"{text.rstrip()}\n\n{HEADING}\n", values)
    lines = table[0].splitlines()
    for key, value in values.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        place = next((at for at, one in enumerate(lines) if one.startswith(f"{key} = ")), None)
        if place is None:
            lines.insert(1, line)
        else:
            lines[place] = line
    return text[: table.start()] + "\n".join([*lines, ""]) + text[table.end() :]


def with_product_version(text: str, version: str) -> str:
    """Return the text of a pyproject.toml with this version in `[project]`."""
    return VERSION.sub(lambda found: f'{found[1]}"{version}"', text, count=1)


def like(text: str, own: str) -> str:
    """Return the text of a release's pyproject.toml with the version of the text `own`.

    The table `[tool.kit]` is left out, so that a merge finds no difference in what the copy owns.
    """
    text = TABLE.sub("", text).rstrip() + "\n"
    if version := VERSION.search(own):
        text = with_product_version(text, version[0].removeprefix(version[1]).strip('"'))
    return text


def with_table_of(text: str, own: str) -> str:
    """Return the text of a pyproject.toml with the table `[tool.kit]` of the text `own`.

    It stands above the same table as there, or at the end.
    """
    if not (table := TABLE.search(own)):
        return text
    below = own[table.end() :].strip().partition("\n")[0]
    place = text.find(f"\n{below}\n") if below else -1
    if place < 0:
        return f"{text.rstrip()}\n\n{table[0].rstrip()}\n"
    return f"{text[: place + 1]}{table[0].rstrip()}\n\n{text[place + 1 :]}"
