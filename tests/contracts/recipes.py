"""The recipes of the guides: blocks of code whose first line names the file that they are for.

`# app/main/views.py` says that the block is the whole file, or the end of one that is there.
`# app/models/role.py, before "ADMINISTER ="` says which line of the file it goes above.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "README.md", ROOT / "docs" / "customising.md", ROOT / "docs" / "jobs.md"]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# In the comment that the language has.
FILE = re.compile(
    r"(?:#|//|<!--|\{#) ((?:app|tests)/[\w./-]+)(?:, before \"(.*?)\")?(?: -->| #\})?\n"
)


@dataclass(frozen=True)
class Block:
    """A block of code of a guide, as printed less its indent and the line with the file."""

    section: str
    file: str
    before: str
    code: str


@cache
def blocks() -> tuple[Block, ...]:
    """Return the blocks that name a file, in the order of the guides."""
    found = []
    for guide in GUIDES:
        text = guide.read_text()
        for match in BLOCK.finditer(text):
            code = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
            if named := FILE.match(code):
                section = re.findall(r"^## (.*)", text[: match.start()], re.MULTILINE)
                body = code[named.end() :]
                found.append(Block(section[-1] if section else "", named[1], named[2] or "", body))
    return tuple(found)


def files() -> set[Path]:
    """Return the files that recipes write."""
    return {ROOT / block.file for block in blocks()}


def apply(section: str, copy: Path) -> list[str]:
    """Write the blocks of a section into a copy of the project, and return their files."""
    chosen = [block for block in blocks() if block.section == section]
    assert chosen, f"No block of the section “{section}” names its file."
    for block in chosen:
        path = copy / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        old = path.read_text() if path.exists() else ""
        if block.before:
            lines = old.splitlines(keepends=True)
            places = [n for n, line in enumerate(lines) if line.lstrip().startswith(block.before)]
            assert places, f"{block.file} has no line that begins with {block.before}."
            lines.insert(places[0], block.code)
            path.write_text("".join(lines))
        else:
            path.write_text(f"{old}\n\n{block.code}" if old else block.code)
    return [block.file for block in chosen]
