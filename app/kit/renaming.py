"""Give a tree of the kit's files the name of a product.

Most files read the name from pyproject.toml, where they run. This module writes it there, and to
the few files that registries and readers see as they are. It knows the places, and replaces no
words elsewhere: a product may be named after a word such as Notes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from settings import kit_record, product

MOST_CHARACTERS = 48
LONGEST_SLUG = 57  # so that SLUG-admin is the local part of an email address (RFC 5321)
# These would be markup in the README and in subjects of mails.
REFUSED = frozenset("<>[]{}|`\\*")
PACKAGE = re.compile(r'(?<=^\[project\]\nname = )"[^"\n]*"', re.MULTILINE)
HEROKU = re.compile(r'(?<=^  "name": )".*?"(?=,$)', re.MULTILINE)
IMAGE = re.compile(r"(?<=^  image: )\S+$", re.MULTILINE)
TITLE = re.compile(r"^# .*$", re.MULTILINE)
KIT_BLOCK = re.compile(r"<!-- kit -->\n(?:(?!<!-- kit -->).)*?<!-- /kit -->\n+", re.DOTALL)
HOLDER = re.compile(r"^Copyright \(c\) (?P<years>[\d, -]+) (?P<name>.+)$", re.MULTILINE)
CONTRIBUTORS = re.compile("the .{1,80} contributors")  # the holder of the kit

Rewrite = Callable[[str, str], str]


class NameRefused(Exception):
    """A product cannot have this name. The message says why."""


def checked(name: str) -> str:
    """Return `name` without surplus spaces. Raises NameRefused."""
    name = " ".join(name.split())
    if not any(map(str.isalnum, name)) or not name.isprintable():
        raise NameRefused("A name is one line with letters or digits, such as Acme Shop.")
    if found := sorted(REFUSED & set(name)):
        raise NameRefused(f"A name has no {' '.join(found)}: files would read it as markup.")
    if len(name) > MOST_CHARACTERS or len(product.slug(name)) > LONGEST_SLUG:
        raise NameRefused(f"A name has at most {MOST_CHARACTERS} characters.")
    if name.isdecimal():
        raise NameRefused("A name has a letter, because packages are named after it.")
    return name


def rename_tree(folder: Path, name: str) -> list[Path]:
    """Give the files in `folder` the name, and return the changed ones, relative to `folder`.

    A second call changes nothing, and a call with another name renames again. Raises NameRefused.
    """
    name = checked(name)
    changed = []
    for place, rewrite in PLACES.items():
        path = folder / place
        if not path.is_file():
            continue
        before = path.read_text(encoding="utf-8")
        if (after := rewrite(before, name)) != before:
            path.write_text(after, encoding="utf-8")
            changed.append(Path(place))
    return changed


def _package(text: str, name: str) -> str:
    text = _once(PACKAGE, f'"{product.slug(name)}"', text)
    return kit_record.with_values(text, {"name": name})


def _heroku(text: str, name: str) -> str:
    return _once(HEROKU, json.dumps(name, ensure_ascii=False), text)


def _image(text: str, name: str) -> str:
    # Without quotes, YAML reads on, no and 100 as something else than text.
    return _once(IMAGE, f'"{product.slug(name)}"', text)


def _readme(text: str, name: str) -> str:
    return _guide(_once(TITLE, f"# {name}", text), name)


def _guide(text: str, _name: str) -> str:
    """Drop the parts that speak of the kit."""
    return KIT_BLOCK.sub("", text)


def _licence(text: str, name: str) -> str:
    """Name the product as holder of its changes. The licence of the kit asks to keep its notice."""
    lines = list(HOLDER.finditer(text))
    # The product's own line is above it, and may look alike.
    kit = next((line for line in lines[::-1] if CONTRIBUTORS.fullmatch(line["name"])), None)
    own = [line for line in lines if line is not kit]
    if not kit:
        return text
    line = f"Copyright (c) {kit['years']} {name}"
    if own:
        return text[: own[0].start()] + line + text[own[0].end() :]
    return text[: kit.start()] + f"{line}\n" + text[kit.start() :]


def _once(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    return pattern.sub(lambda _: replacement, text, count=1)


# The files outside of the running application that show the name.
PLACES: dict[str, Rewrite] = {
    "LICENSE": _licence,
    "README.md": _readme,
    "app.json": _heroku,
    "compose.yaml": _image,
    "docs/customising.md": _guide,
    "docs/install.md": _guide,
    kit_record.FILE: _package,
}
