"""docs/reading.md names every file of the core, and the core stays small."""

import re
from collections import Counter
from pathlib import Path

from app.kit.features import installed
from app.kit.generator import ledger
from tests.fixtures.clones import of_the_kit

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/reading.md").read_text()
INDEX, CORE, _ = re.split(r"^## (?:The core|Around the core).*$", GUIDE, flags=re.MULTILINE)

# A ratchet: lower it when the core becomes smaller. The limit is 5,000 lines.
MOST_LINES = 4988


def core() -> list[Path]:
    """Return the Python files of the core: those of app without its kit and its features."""
    folders = (ROOT / "app/kit", ROOT / "app/features")
    files = sorted((ROOT / "app").rglob("*.py"))
    return [file for file in files if not any(folder in file.parents for folder in folders)]


def test_every_file_of_the_core_is_named_once() -> None:
    named = Counter(re.findall(r"^- `(app/[\w/]+\.py)`: ", CORE, re.MULTILINE))
    files = {file.relative_to(ROOT).as_posix() for file in core()}
    missing, gone = files - named.keys(), named.keys() - files
    assert not missing, f"Add a line with one sentence to docs/reading.md for each of {missing}."
    assert not gone, f"Remove these from docs/reading.md, as the core has no such file: {gone}."
    twice = [name for name, times in named.items() if times > 1]
    assert not twice, f"Name these once in docs/reading.md: {twice}."


def test_every_file_has_one_sentence() -> None:
    for line in re.findall(r"^- `app/.*", CORE, re.MULTILINE):
        one = re.fullmatch(r"- `[\w/.]+`: (?:(?!\. [A-Z]).)+\.", line)
        assert one, f"Write one sentence: {line}"


def test_the_index_answers_ten_questions_with_places_that_exist() -> None:
    rows = re.findall(r"^\| (?!I want|-)(.+?) \| (.+) \|$", INDEX, re.MULTILINE)
    assert len(rows) >= 10
    for question, answer in rows:
        places = re.findall(r"`([\w.]+/[\w/.]+|config\.py)`", answer)
        assert places, f"Name the folder that answers “{question}” in docs/reading.md."
        for place in places:
            assert (ROOT / place).exists(), f"{place} is gone: mend “{question}” in the index."


def brought() -> int:
    """Return the lines of the ledger of permissions that features have brought."""
    whole = kept = ledger.FILE.read_text()
    for manifest in installed().values():
        for constant in manifest.permissions:
            if ledger.has_bit_of_a_copy(kept, constant):
                kept = ledger.without_permission(kept, constant)
    return len(whole.splitlines()) - len(kept.splitlines())


@of_the_kit
def test_the_core_stays_small() -> None:
    lines = sum(len(file.read_text().splitlines()) for file in core()) - brought()
    assert lines <= MOST_LINES, (
        f"The core has {lines} lines, more than {MOST_LINES}. Move machinery to app/kit, or a "
        "capability to app/features."
    )
