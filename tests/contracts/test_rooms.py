"""The diagram of the rooms and the table of features match the code."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = runpy.run_path(str(ROOT / "scripts/draw_rooms.py"))
SIZE = re.compile(r"([\d,]+) lines")
HINT = "Run `python scripts/draw_rooms.py`, and commit what it changes."


def test_the_picture_shows_the_rooms() -> None:
    """Each number of lines in the diagram is off by at most 300 or a third."""
    drawn, stored = ROOMS["picture"](), ROOMS["PICTURE"].read_text()
    assert SIZE.sub("", drawn) == SIZE.sub("", stored), HINT
    sizes = [[int(n.replace(",", "")) for n in SIZE.findall(text)] for text in (drawn, stored)]
    for now, shown in zip(*sizes, strict=True):
        assert abs(now - shown) <= max(300, now // 3), HINT


def test_the_readme_lists_the_features() -> None:
    assert ROOMS["TABLE"].findall(ROOMS["README"].read_text()) == [ROOMS["table"]()], HINT


def test_the_picture_loads_nothing() -> None:
    assert "http" not in ROOMS["picture"]().replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme: dark" in ROOMS["picture"]()
