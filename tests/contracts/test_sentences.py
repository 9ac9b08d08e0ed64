"""The guides have short sentences whose subjects name a thing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    page.relative_to(ROOT).as_posix(): page
    for pattern in ("*.md", "docs/**/*.md", "app/features/*/*.md", "examples/*/README.md")
    for page in sorted(ROOT.glob(pattern))
    if page.name != "CHANGELOG.md"
}
MOST_WORDS = 30

BLOCK = re.compile(r"^( *)```.*?^\1```|<!--.*?-->", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"^\s*(?:[-*]|\d+\.) ")
END = re.compile(r"(?<=[.!?:])(?:\*\*)?\s+(?=[A-Z`*“\"\[(])")
VAGUE = re.compile(r"(?:What|Whoever|Whom|Whose|Of|Nor|Neither)\b(?!.*\?$)")


def texts(page: Path) -> Iterator[str]:
    """Yield paragraphs, list items and table cells, without code and headings."""
    paragraph: list[str] = []
    for line in [*BLOCK.sub("", page.read_text()).splitlines(), ""]:
        begins = ITEM.match(line) or line.startswith(("|", "#")) or not line.strip()
        if begins and paragraph:
            yield " ".join(paragraph)
            paragraph = []
        if line.startswith("|"):
            yield from line.strip("|").split(" | ")
        elif line.strip() and not line.startswith("#"):
            paragraph.append(ITEM.sub("", line).strip())


def sentences(page: Path) -> Iterator[str]:
    for text in texts(page):
        plain = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
        yield from (sentence.strip(" *") for sentence in END.split(plain))


@pytest.mark.parametrize("name", PAGES)
def test_sentences_are_short_and_name_their_subject(name: str) -> None:
    found = list(sentences(PAGES[name]))
    long = [sentence for sentence in found if len(sentence.split()) > MOST_WORDS]
    vague = [sentence for sentence in found if VAGUE.match(sentence)]
    assert not long, f"Split these into sentences of {MOST_WORDS} words: {long}"
    assert not vague, f"Name the subject of these: {vague}"


def test_the_architecture_fits_on_a_page() -> None:
    words = len(PAGES["docs/architecture.md"].read_text().split())
    assert words <= 900, f"docs/architecture.md has {words} words: move details to another guide."
