"""The recipes of the guides: code blocks whose first line names their file.

`# app/main/views.py` marks a block as the whole file, or as the end of an existing file.
`# app/models/role.py, above: ADMINISTER =` inserts the block above the first matching line.
`# app/features/NAME/admin.py, written by manage.py new` marks lines of a file that a command
writes, which a test compares.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import indent

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = [DOCS / f"{name}.md" for name in ("customising", "jobs", "tables")]
PARTS = re.compile(
    r"^## (?P<section>[^\n]*)$|^```\w+\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
# A comment in Python, TOML, Jinja, HTML or JavaScript.
FILE = re.compile(
    r"(?:#|//|<!--|\{#) ((?:app|docs|tests)/[\w./-]+)(?:, above: (.*?))?(?: -->| #\})?\n"
)

WRITTEN = re.compile(
    r"^```python\n# (\S+), written by manage\.py new\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A code block of a guide, without the line that names the file."""

    section: str
    file: str
    above: str
    code: str


@cache
def blocks() -> tuple[Block, ...]:
    """Return the blocks that name a file, in the order of the guides."""
    found, section = [], ""
    for guide in GUIDES:
        for part in PARTS.finditer(guide.read_text()):
            section = part["section"] or section
            code = part["code"] or ""
            if named := FILE.match(code):
                found.append(Block(section, named[1], named[2] or "", code[named.end() :]))
    return tuple(found)


def files(section: str = "") -> set[Path]:
    """Return the files that the recipes of a section write, or of all sections."""
    return {ROOT / one.file for one in blocks() if section in {"", one.section}}


def follow(section: str, copy: Path) -> None:
    """Apply the blocks of a section to a copy of the project."""
    chosen = [block for block in blocks() if block.section == section]
    assert chosen, f"No block of the section “{section}” names its file in its first line."
    for block in chosen:
        path = copy / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text() if path.exists() else ""
        path.write_text(_above(block, text) if block.above else _at_the_end(block, text))


def missing(guide: str, copy: Path) -> list[str]:
    """Return the parts of the guide's blocks that the generated files of a copy lack.

    An empty line separates parts, but each import is a part. Indentation is not compared.
    """
    found = WRITTEN.findall((ROOT / guide).read_text())
    assert found, f"{guide} has no block that manage.py new writes."
    texts = {name: _stripped((copy / name).read_text()) for name, _code in found}
    parts = [
        (name, _stripped(part))
        for name, code in found
        for part in re.split(r"\n\n+|\n(?=from |import )", code)
    ]
    return [f"{name}:\n{part}" for name, part in parts if part not in texts[name]]


def _stripped(code: str) -> str:
    return "\n".join(line.strip() for line in code.strip().splitlines())


def _above(block: Block, text: str) -> str:
    place = re.search(rf"^( *){re.escape(block.above)}", text, re.MULTILINE)
    assert place, f"{block.file} has no line that begins with {block.above}: correct the recipe."
    return text[: place.start()] + indent(block.code, place[1]) + text[place.start() :]


def _at_the_end(block: Block, text: str) -> str:
    return f"{text}\n\n{block.code}" if text else block.code
