"""Find what the guides say about a feature, and take it out when the feature is removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import TextWrapper

from app.kit.features import FOLDER, checkout
from app.kit.features.checkout import git, path_of
from settings.manifests import Manifest
from settings.reader import BASE_DIR
from settings.toml_table import shown

ROW = re.compile(r"(\||[-*] |\d{1,3}\. )")  # the beginning of a table row or a list item
HEADING = re.compile(r"(#{1,6}) ")
SENTENCE = re.compile(r"(?<=[.:?!])\s+(?=[A-Z`\[@])")
# Guides with a text of their own about features: the changes, decisions, and examples to add.
UNCHANGED = ("CHANGELOG.md", "docs/decisions/", "examples/")
LINE = re.compile(r"(?<!\\\n)(?<=\n)(?=.)")  # where a line of an example begins that continues none
WRAPPER = TextWrapper(150, break_long_words=False, break_on_hyphens=False)


def without(feature: Manifest) -> Iterator[tuple[Path, str]]:
    """Yield each guide that changes, with its text without the feature.

    A table row, a list item, a line of an example or a sentence goes if it names the feature's
    folder, commands or settings. So it does if it has the words "the feature `NAME`", or names a
    program of `examples` that needs the feature. A paragraph or a section goes as a whole if its
    first sentence names the folder.
    """
    folder, words = words_of(feature)
    for name in git("ls-files", "*.md").split():
        path = BASE_DIR / name
        if name.startswith((*UNCHANGED, f"{path_of(feature.name)}/")):
            continue
        text = path.read_text(encoding="utf-8")
        if shows_files_of(feature.name, text):
            continue
        if (kept := text_without(text, folder, words)) != text:
            yield path, kept


def shows_files_of(name: str, text: str) -> bool:
    """Return whether a guide says how to make a feature, so that it goes on naming it."""
    return f"manage.py new {name} " in text or f"# {path_of(name)}/" in text


def text_without(text: str, folder: re.Pattern[str], words: re.Pattern[str]) -> str:
    """Return a guide without the rows, items and sentences that match `words`.

    Paragraphs and sections whose first sentence matches `folder` are left out as well.
    """
    if not words.search(text):
        return text
    kept: list[str] = []
    leaving = 0  # the level of the heading of a section that goes, or 0
    blocks = [*_blocks(text)]
    for number, block in enumerate(blocks):
        if heading := HEADING.match(block):
            level = len(heading[1])
            if leaving and level > leaving:
                continue
            following = next((one for one in blocks[number + 1 :] if one.strip()), "")
            leaving = level if _begins_with(following, folder) else 0
        left = "" if leaving else _block_without(block, folder, words)
        is_second_blank = not block.strip() and bool(kept) and not kept[-1].strip()
        if left and not is_second_blank:
            kept.append(left)
    return "".join(kept)


def _blocks(text: str) -> Iterator[str]:
    """Yield headings, rows, items, paragraphs, examples and blank lines."""
    block: list[str] = []
    is_example = False
    for line in text.splitlines(keepends=True):
        is_fence = line.lstrip().startswith("```")
        if is_example or (block and not is_fence and _continues(block[0], line)):
            block.append(line)
        else:
            yield "".join(block)
            block = [line]
        if is_fence:
            is_example = not is_example
    yield "".join(block)


def _continues(block: str, line: str) -> bool:
    """Return whether `line` belongs to the block that begins with the line `block`."""
    if ROW.match(block.lstrip()):
        return line.startswith("  ") and not ROW.match(line.lstrip())
    return _is_text(block) and _is_text(line)


def _is_text(block: str) -> bool:
    begins = block.lstrip()
    is_other = ROW.match(begins) or HEADING.match(begins) or begins.startswith(("```", "<!--"))
    return bool(begins) and not is_other


def _block_without(block: str, folder: re.Pattern[str], words: re.Pattern[str]) -> str:
    if block.lstrip().startswith("```"):
        lines = LINE.split(block)
        kept = [line for line in lines if "manage.py" not in line or not words.search(line)]
        is_empty = len(kept) < len(lines) and len(kept) == 2  # the two fences
        return "" if is_empty else "".join(kept)
    if not words.search(block) or not (_is_text(block) or ROW.match(block.lstrip())):
        return block
    if not _is_text(block) or _begins_with(block, folder):
        return ""
    sentences = [one for one in SENTENCE.split(block.strip()) if not words.search(one)]
    text = WRAPPER.fill(" ".join(" ".join(sentences).split()))
    return f"{text}\n" if text else ""


def _begins_with(block: str, folder: re.Pattern[str]) -> bool:
    return _is_text(block) and folder.search(SENTENCE.split(block.strip())[0]) is not None


def words_of(feature: Manifest) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of the feature's folder, and of all that names it in a guide."""
    beside = rf"\(\.\./{feature.name}\b"  # a link in the chapter of another feature
    folder = rf"{re.escape(path_of(feature.name))}\b|{beside}"
    commands = checkout.commands_in(FOLDER / feature.name)
    named = [rf"`{name}\b" for name in (*commands, *feature.settings)]
    condition = f"the feature `{feature.name}`"
    examples = [re.escape(shown(path)) for path in checkout.examples_of(feature.name)]
    run = [rf"\bmanage(?:\.py)? {name}\b" for name in commands]
    return re.compile(folder), re.compile("|".join([folder, condition, *named, *run, *examples]))
