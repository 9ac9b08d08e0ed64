"""Detect the encoding of a file by its byte order mark or its bytes, and decode it."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from charset_normalizer import from_bytes

BLOCK = 64 * 1024  # bytes
MOST_CELLS = 2_000  # cells to guess an encoding from
READ_FOR_CELLS = 256  # blocks to search for such cells

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16 (big-endian)",
    "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp874": "Windows-874 (Thai)",
    "iso8859_2": "ISO-8859-2 (Central Europe)",
    "mac_roman": "Mac Roman",
    "cp932": "Shift-JIS (Japanese)",
    "gb18030": "GBK (Chinese, simplified)",
    "big5": "Big5 (Chinese, traditional)",
    "cp949": "EUC-KR (Korean)",
    "koi8_r": "KOI8-R (Cyrillic)",
    "cp437": "DOS 437",
    "cp850": "DOS 850 (Western Europe)",
    "cp852": "DOS 852 (Central Europe)",
    "cp866": "DOS 866 (Cyrillic)",
}
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# charset-normalizer knows Thai under this name only.
_THAI = ("tis_620", "cp874")
_GUESSED = [name for name in ENCODINGS if not name.startswith("utf") and name != _THAI[1]]
_GUESSED.append(_THAI[0])
# Prefer these encodings among equally likely ones.
_USUAL = ("cp1252", "cp1254", "cp850")
NEARLY = 0.05  # difference up to which two encodings count as equally likely
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
# Windows-1254 has Turkish letters at these bytes, and Turkish names are more frequent.
_ICELANDIC = frozenset("ÐÞðþ")

SIGNATURES = (
    (b"PK\x03\x04", "This is an Excel or LibreOffice file, or an archive"),
    (b"PK\x05\x06", "This is an archive"),
    (b"\xd0\xcf\x11\xe0", "This is a file of an old Excel"),
    (b"\x1f\x8b", "This is a compressed file"),
    (b"%PDF", "This is a PDF"),
    (b"{\\rtf", "This is a document of a word processor"),
)
SAVE_AS_CSV = "Save or export it as CSV, then upload that."
NOT_TEXT = f"This is not a text file. Does it come from a spreadsheet? {SAVE_AS_CSV}"


class Unreadable(Exception):
    """The file cannot be imported. The message says why, and what to do."""


# Control characters that do not occur in text.
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")
# The lone surrogates that `texts` decodes invalid bytes to.
DAMAGED = re.compile(r"[\udc80-\udcff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f\udc80-\udcff]")
# Matches only from the start of a cell, because a cell may be as long as the file.
_CELL_BEYOND_ASCII = re.compile(
    rb'(?<![^,;\t\r\n"])[^,;\t\r\n"\x80-\xff]*+[\x80-\xff][^,;\t\r\n"]*+'
)


def detect_encoding(file: BinaryIO) -> str:
    """Return the encoding of a file, by its byte order mark, zero bytes or letters.

    A file that is mostly UTF-8 counts as UTF-8. Raises Unreadable for a file that is not text.
    """
    head = _head(file)
    marked = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), "")
    encoding = marked or _by_zeros(head)
    if encoding.startswith("utf-16"):
        require_text(file, encoding)
    elif not _is_nearly_utf_8(file):
        if marked:
            raise Unreadable("The text is damaged: it is marked as UTF-8, and is not.")
        encoding = _by_letters(file)
        require_text(file, encoding)
    return encoding


def require_text(file: BinaryIO, encoding: str) -> None:
    """Raise Unreadable unless a file is text in this encoding. A few invalid bytes are allowed."""
    _head(file)
    file.seek(0)
    damaged = others = 0
    for number, text in enumerate(texts(blocks(file), encoding)):
        _refuse_controls(number, text)
        damaged += len(DAMAGED.findall(text))
        others += len(text)
    if damaged > others / 10:
        raise Unreadable(NOT_TEXT)


def texts(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Decode blocks, without the byte order mark.

    An invalid byte becomes a lone surrogate (DAMAGED), so that an error can name its line. Raises
    Unreadable where UTF-16 ends in the middle of a character.
    """
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    is_first = True
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            if is_first and text:
                is_first, text = False, text.removeprefix("\ufeff")
            if text:
                yield text
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Unreadable(f"The text is damaged: it is not {ENCODINGS[encoding]}.") from None


def blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _head(file: BinaryIO) -> bytes:
    """Return the first block. Raises Unreadable for known formats that are not CSV."""
    file.seek(0)
    head = file.read(BLOCK)
    if not head:
        raise Unreadable("The file is empty.")
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            raise Unreadable(f"{kind}, not CSV. {SAVE_AS_CSV}")
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise Unreadable("The file is in UTF-32. Save it as CSV in UTF-8.")
    return head


def _by_zeros(head: bytes) -> str:
    """Return the variant of UTF-16 of a file without a mark, or UTF-8 if it has no zero bytes."""
    zeros = [head[start::2].count(0) for start in (0, 1)]
    if max(zeros) == 0:
        return "utf-8"
    # In UTF-16, commas, digits and Latin letters all have their zero byte on the same side.
    if max(zeros) < len(head) / 20 or min(zeros) > max(zeros) / 10:
        raise Unreadable(NOT_TEXT)
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def _is_nearly_utf_8(file: BinaryIO) -> bool:
    """Tell whether at least as many non-ASCII characters are valid UTF-8 as bytes are invalid.

    Text in other encodings hardly ever contains valid UTF-8. A byte order mark counts as one
    valid character.
    """
    file.seek(0)
    good = bad = 0
    if file.read(3) == codecs.BOM_UTF8:
        good = 1
    else:
        file.seek(0)
    for number, text in enumerate(texts(blocks(file), "utf-8")):
        if not text.isascii():
            good += len(_BEYOND_ASCII.findall(text))
            bad += len(DAMAGED.findall(text))
        _refuse_controls(number, text)
    return good >= bad


def _by_letters(file: BinaryIO) -> str:
    """Return the encoding in which cells with non-ASCII letters look most like names."""
    file.seek(0)
    cells: list[bytes] = []
    for block in islice(blocks(file), READ_FOR_CELLS):
        cells += _CELL_BEYOND_ASCII.findall(block)
        if len(cells) > MOST_CELLS:
            break
    sample = b"\n".join(cell[:200] for cell in cells[:MOST_CELLS])
    found = from_bytes(sample, cp_isolation=_GUESSED, enable_fallback=False)
    best = found.best()
    if best is None:
        return _USUAL[0]
    likely = [
        name
        for match in found
        if match.chaos <= best.chaos + NEARLY and match.coherence >= best.coherence - NEARLY
        for name in (match.encoding, *match.could_be_from_charset)
    ]
    order = [*(name for name in _USUAL if name in likely), *likely]
    name = min(order, key=lambda name: _oddities(sample.decode(name, "surrogateescape")))
    return _THAI[1] if name == _THAI[0] else name


def _oddities(text: str) -> int:
    """Count the characters and words in some cells that are unusual in names."""
    has_hangul = _HANGUL.search(text)
    count = 0
    for cell in text.split("\n"):
        letters = [each for each in cell if each > "\x7f"]
        count += sum(
            unicodedata.category(each)[0] not in "LM"
            or unicodedata.east_asian_width(each) == "H"
            or each in _ICELANDIC
            or (has_hangul is not None and "\u4e00" <= each <= "\u9fff")
            for each in letters
        )
        # One word with letters of two scripts is unusual.
        has_ascii = any(each.isascii() and each.isalpha() for each in cell)
        count += has_ascii and any(_is_of_another_script(each) for each in letters)
    return count


def _is_of_another_script(letter: str) -> bool:
    return letter.isalpha() and not unicodedata.name(letter, "").startswith("LATIN")


def _refuse_controls(number: int, text: str) -> None:
    if "\0" in text:
        raise Unreadable(f"There are NUL characters in the file. {NOT_TEXT}")
    # A single pasted control character is reported with its line. Many of them are not text.
    if number == 0 and len(CONTROLS.findall(text)) > len(text) / 50:
        raise Unreadable(NOT_TEXT)
