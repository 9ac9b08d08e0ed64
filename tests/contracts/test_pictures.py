"""The pictures of the README exist, are small, and have the size of a laptop's window."""

import re
import struct
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = set(re.findall(r"docs/images/[\w-]+\.png", (ROOT / "README.md").read_text()))
SIZE = (1280, 800)
MOST_BYTES = 200_000
HINT = "Run `python scripts/take_pictures.py`, look at the pictures, and commit them."


def test_every_picture_is_shown() -> None:
    stored = {f"docs/images/{path.name}" for path in (ROOT / "docs/images").glob("*.png")}
    assert stored == SHOWN, f"Show or delete {stored - SHOWN}; take {SHOWN - stored}. {HINT}"


def test_pictures_have_one_size() -> None:
    for name in sorted(SHOWN):
        data = (ROOT / name).read_bytes()
        assert struct.unpack(">II", data[16:24]) == SIZE, f"{name} has another size. {HINT}"
        assert len(data) <= MOST_BYTES, f"{name} has {len(data):,} bytes: show less on the page."
