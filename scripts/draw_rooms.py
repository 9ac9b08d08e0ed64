"""Draw docs/images/rooms.svg and write the table of features in README.md, both from the code.

Run it with `python scripts/draw_rooms.py`. A contract test fails if the results are outdated.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs/images/rooms.svg"
README = ROOT / "README.md"
TABLE = re.compile(r"(?<=<!-- features -->\n).*?(?=<!-- /features -->)", re.DOTALL)

WIDTH, MARGIN, GAP = 980, 16, 12
COLUMNS, ARROW = 5, 22  # features in a row, and the space for an arrow between two
HEIGHT, STEP = 70, 90  # of a feature, and from one row of features to the next
FOLDERS, FOLDER_STEP = 8, 62  # folders in a row of the core or the kit, and from a row to the next
STYLE = """
  svg { --page: #ffffff; --text: #1d232b; --quiet: #59636e; --line: #d0d7de;
        --features: #eaf3ff; --core: #fff4e0; --kit: #f0f2f4; --box: #ffffff; --arrow: #0b61c4; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0f1318; --text: #e8ecf1; --quiet: #9da7b3; --line: #3a434e;
          --features: #14263d; --core: #33270f; --kit: #1b2128; --box: #10161d; --arrow: #6cb0ff; }
  }
  text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--text); }
  .name { font-size: 14px; font-weight: 600; }
  .band { font-size: 18px; font-weight: 600; }
  .quiet { font-size: 12px; font-weight: 400; fill: var(--quiet); }
  .title { font-size: 11.5px; fill: var(--quiet); }
  .box { fill: var(--box); stroke: var(--line); }
  .arrow { fill: none; stroke: var(--arrow); stroke-width: 2; marker-end: url(#head); }
"""


@dataclass(frozen=True)
class Room:
    """A folder and its lines of Python."""

    name: str
    lines: int
    title: str = ""
    summary: str = ""
    requires: tuple[str, ...] = ()

    @property
    def size(self) -> str:
        """The lines rounded to hundreds, so that a small change needs no new picture."""
        return f"{max(round(self.lines, -2), 100):,} lines"


def lines_of(*files: Path) -> int:
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def code_in(folder: Path) -> list[Path]:
    """Return the Python files below a folder that run in production."""
    return [
        file
        for file in sorted(folder.rglob("*.py"))
        if not {"tests", "migrations"} & set(file.relative_to(folder).parts)
    ]


def rooms_in(folder: Path, *apart: str) -> list[Room]:
    """Return the rooms of a folder: its subfolders, and its loose files as one room."""
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name not in apart]
    rooms = [Room(path.name, lines_of(*code_in(path))) for path in inner if code_in(path)]
    return [*rooms, Room("*.py", lines_of(*folder.glob("*.py")))]


def features() -> list[Room]:
    """Return the features, with required features next to those that require them."""
    found = {}
    for file in sorted(ROOT.glob("app/features/*/feature.toml")):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        required = tuple(told.get("requires", ()))
        lines = lines_of(*code_in(file.parent))
        name = file.parent.name
        found[name] = Room(name, lines, told["title"], told["summary"], required)
    order: dict[str, Room] = {}
    for name in sorted(found, key=lambda name: (not found[name].requires, name)):
        for one in (name, *found[name].requires):
            order.setdefault(one, found[one])
    return list(order.values())


def table() -> str:
    """Return the table of features for README.md."""
    rows = ["| feature | what it gives | requires |", "|---|---|---|"]
    for room in sorted(features(), key=lambda room: room.name):
        required = ", ".join(f"`{name}`" for name in room.requires)
        rows.append(f"| [{room.name}](app/features/{room.name}) | {room.summary} | {required} |")
    return "\n".join(rows) + "\n"


def text(x: float, y: float, kind: str, words: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, room: Room) -> list[str]:
    drawn = [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="6" class="box"/>',
        text(x + 12, y + 23, "name", room.name),
        text(x + 12, y + height - 12, "quiet", room.size),
    ]
    return [*drawn, text(x + 12, y + 41, "title", room.title)] if room.title else drawn


def band(y: float, height: float, kind: str, words: str) -> list[str]:
    name, _, rest = words.partition(": ")
    return [
        f'<rect x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="10"'
        f' fill="var(--{kind})"/>',
        f'<text x="{2 * MARGIN}" y="{y + 28}" class="band">{escape(name)}'
        f'<tspan class="quiet" dx="10">{escape(rest)}</tspan></text>',
    ]


def arrow(*points: float) -> str:
    x, y, *rest = points
    curve = " ".join(f"{point:g}" for point in rest)
    return f'<path d="M{x:g} {y:g} {"C" if len(rest) > 2 else "L"}{curve}" class="arrow"/>'


def rows(y: float, rooms: list[Room]) -> list[str]:
    """Draw the folders of the core or the kit, in rows of FOLDERS."""
    width = (WIDTH - 4 * MARGIN - GAP * (FOLDERS - 1)) / FOLDERS
    return [
        part
        for place, room in enumerate(rooms)
        for part in box(
            2 * MARGIN + place % FOLDERS * (width + GAP),
            y + place // FOLDERS * FOLDER_STEP,
            *(width, 50, room),
        )
    ]


def places_of(optional: list[Room], width: float) -> dict[str, tuple[float, float]]:
    """Return the upper left corner of each feature, in rows of COLUMNS."""
    return {
        room.name: (
            2 * MARGIN + place % COLUMNS * (width + ARROW),
            MARGIN + 42 + place // COLUMNS * STEP,
        )
        for place, room in enumerate(optional)
    }


def arrows(
    optional: list[Room], places: dict[str, tuple[float, float]], width: float
) -> Iterator[str]:
    """Yield an arrow from each feature to each one that it requires."""
    for room in optional:
        x, y = places[room.name]
        for name in room.requires:
            to_x, to_y = places[name]
            if to_y == y and to_x == x + width + ARROW:
                yield arrow(x + width, y + HEIGHT / 2, to_x - 1, to_y + HEIGHT / 2)
            else:
                end = to_y + HEIGHT if to_y <= y else to_y
                start = y + HEIGHT if to_y >= y else y
                middle = max(start, end) + 24 if to_y == y else (start + end) / 2
                from_x, at_x = x + width / 2, to_x + width / 2
                yield arrow(from_x, start, from_x, middle, at_x, middle, at_x, end)


def height_of(rooms: list[Room]) -> int:
    return 42 + -(-len(rooms) // FOLDERS) * FOLDER_STEP


def layer(top: float, kind: str, words: str, rooms: list[Room]) -> list[str]:
    """Draw the core or the kit, with an arrow from above."""
    total = Room("", sum(room.lines for room in rooms)).size
    return [
        *band(top, height_of(rooms), kind, f"{words}, {total}"),
        *rows(top + 42, rooms),
        arrow(WIDTH / 2, top - 34, WIDTH / 2, top - 3),
        text(WIDTH / 2 + 12, top - 13, "quiet", "imports"),
    ]


def picture() -> str:
    """Return the SVG: features above the core, and the core above the kit, as imports point."""
    optional = features()
    core, kit = rooms_in(ROOT / "app", "features", "kit"), rooms_in(ROOT / "app/kit")
    width = (WIDTH - 4 * MARGIN - ARROW * (COLUMNS - 1)) / COLUMNS
    places = places_of(optional, width)
    above = 50 + max(-(-len(optional) // COLUMNS), 1) * STEP
    drawn = band(
        MARGIN, above, "features", "app/features: optional, one folder each, off in one command"
    )
    # One line each, because a new feature moves all that follow.
    drawn += ["".join(box(*places[room.name], width, HEIGHT, room)) for room in optional]
    drawn += arrows(optional, places, width)
    top = MARGIN + above + 36
    drawn += layer(top, "core", "app: the core, to read and reshape", core)
    top += height_of(core) + 36
    drawn += layer(top, "kit", "app/kit: machinery that nobody has to read", kit)
    return svg(top + height_of(kit) + MARGIN, drawn)


def svg(height: float, drawn: list[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            "<title>The rooms of the code</title>",
            "<desc>Features import the core and the kit, the core imports the kit. Drawn by"
            " scripts/draw_rooms.py.</desc>",
            f"<style>{STYLE}</style>",
            '<marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="6"'
            ' markerHeight="6" orient="auto"><path d="M0 0 10 5 0 10z" fill="var(--arrow)"/>'
            "</marker>",
            f'<rect width="{WIDTH}" height="{height}" rx="12" fill="var(--page)"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def main() -> None:
    PICTURE.write_text(picture(), encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda _: table(), page), encoding="utf-8")


if __name__ == "__main__":
    main()
