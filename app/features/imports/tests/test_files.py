"""Test how files of spreadsheets are read, and which files are refused."""

import io
import random
import zipfile

import pytest

from app.features.imports import PEOPLE as KIND
from app.kit.imports import columns, encodings
from app.kit.imports.encodings import ENCODINGS as ENCODING_CHOICES
from app.kit.imports.encodings import Unreadable
from app.kit.imports.files import describe, records
from app.kit.imports.lines import NOT_IN_ENCODING, batches

# The settings decide which emails are valid.
pytestmark = pytest.mark.usefixtures("app")

HEADER = ["Email", "First name", "Last name"]
PEOPLE = [
    ["zoe@example.com", "Zoë", "Müller"],
    ["ada@example.com", "Ada, Countess; of\tL.", 'says "yes"'],
    ["multi@example.com", "two\r\nlines", "€uro"],
]
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16-le",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-16-be with mark": "utf-16-be",
    "cp1252": "cp1252",
}


def written(rows, delimiter=",", end="\r\n"):
    def quoted(cell):
        return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',;\t"\r\n') else cell

    return "".join(delimiter.join(map(quoted, row)) + end for row in rows)


def encoded(text, encoding):
    if encoding == "utf-16-be with mark":
        return ("\ufeff" + text).encode("utf-16-be")
    return text.encode(encoding)


def cells_of(data):
    found = describe(KIND, io.BytesIO(data))
    read = list(records([data], found.encoding, found.delimiter))
    return [record.cells for record in read[1:]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_with_every_separator(encoding, delimiter):
    data = encoded(written([HEADER, *PEOPLE], delimiter), encoding)
    found = describe(KIND, io.BytesIO(data))
    assert (found.encoding, found.delimiter) == (ENCODINGS[encoding], delimiter)
    assert found.columns == HEADER
    assert found.has_header
    assert found.lines == 3
    assert cells_of(data) == PEOPLE


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_reads_the_same_however_it_is_cut_in_pieces(encoding, end):
    data = encoded(written([HEADER, *PEOPLE], ";", end), encoding)
    whole = list(records([data], ENCODINGS[encoding], ";"))
    for size in (1, 2, 3, 7, 64):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert list(records(pieces, ENCODINGS[encoding], ";")) == whole
    assert len(whole) == 4


def test_lines_are_counted_as_an_editor_counts_them():
    data = b'Email,Name\r\na@example.com,"x\ny\nz"\r\n\r\n,\r\nb@example.com,B\r\n'
    assert [record.line for record in records([data], "utf-8", ",")] == [1, 2, 7]


def test_the_line_with_which_excel_names_the_separator_is_none_of_the_file():
    data = b"sep=;\r\nEmail;Name\r\na@example.com;x,y\r\n"
    found = describe(KIND, io.BytesIO(data))
    assert (found.delimiter, found.columns, found.lines) == (";", ["Email", "Name"], 1)
    assert [record.line for record in records([data], "utf-8", ";")] == [2, 3]


def test_quotation_marks_without_sense_are_a_problem_of_their_line():
    data = b'Email,Name\na@example.com,"A" B\nb@example.com,B\n'
    found = list(records([data], "utf-8", ","))
    assert [(record.line, bool(record.problem)) for record in found] == [
        (1, False),
        (2, True),
        (3, False),
    ]


def test_a_file_without_a_header_is_known_by_the_address_in_its_first_line():
    found = describe(KIND, io.BytesIO(b"Ada;ada@example.com\nBob;bob@example.com\n"))
    assert not found.has_header
    assert found.columns == ["Column 1", "Column 2"]
    assert found.lines == 2
    assert columns.guess(KIND, found.columns, found.sample) == {"email": 1}


def xlsx():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    return file.getvalue()


JUNK = random.Random(1).randbytes(100_000)  # noqa: S311 - the same each time

REFUSED = {
    "nothing": (b"", "is empty"),
    "a mark and nothing": (b"\xef\xbb\xbf", "nothing in the file"),
    "blank lines": (b"\n\n ; ;\n,,\n", "nothing"),
    "a header and nothing": (b"Email,Name\n", "nothing below"),
    "xlsx": (xlsx(), "Save or export it as CSV"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "old Excel"),
    "gzip": (b"\x1f\x8b\x08\0" * 10, "compressed"),
    "pdf": (b"%PDF-1.7\n...", "PDF"),
    "utf-32": ("Email\na@example.com".encode("utf-32"), "UTF-32"),
    "junk": (JUNK, "not a text file"),
    "junk without nul": (JUNK.replace(b"\0", b""), "not a text file"),
    "controls": (b"Email\n" + b"\x01\x02a@example.com\n" * 50, "not a text file"),
    "nul": (b"Email,Name\na@example.com,A\0B\n", "not a text file"),
    "nul in utf-16": ("Email,Name\na@example.com,A\0B\n".encode("utf-16"), "NUL"),
    "nul far below": (b"Email\n" + b"a@example.com\n" * 50_000 + b"\0", "NUL"),
    "a mark that lies": (b"\xef\xbb\xbfEmail\n\xff\xfe\xfd@example.com\n", "damaged"),
    "half a character": ("Email\na@example.com".encode("utf-16")[:-1], "damaged"),
    "a line of 10 MB": (b"Email,Name\na@example.com," + b"x" * 10_000_000 + b"\n", "Line 2"),
    "one line of 10 MB": (b"x" * 10_000_000, "Line 1"),
    "a quote that never ends": (
        b'Email,Name\na@example.com,"Ada\n' + b"b@example.com,B\n" * 20_000,
        "opens on line 2",
    ),
    "a quote at the end": (b'Email,Name\na@example.com,A\n"b@example.com', "opens on line 3"),
    "two columns of a name": (b"Email,Name,EMAIL\na@example.com,A,b\n", "Two columns"),
    "a title": (
        b"People of 2026,,\n\nEmail,First name,Last name\nada@example.com,Ada,L\n",
        "Line 1 is a title: the names of the columns are on line 3",
    ),
    "a title of several cells": (
        b"People,2026\nof,London\nEmail,Name\nada@example.com,Ada\n",
        "Line 1 is a title: the names of the columns are on line 3",
    ),
    "a title above columns of any name": (
        b"People of 2026\nReach them at,Called\nada@example.com,Ada\n",
        "Line 1 is a title: the names of the columns are on line 2",
    ),
    "a title and no header": (b"People of 2026\nada@example.com,Ada\n", "Line 1 is a title"),
    "no addresses": (b"Name,Town\nAda,London\n", "None of the columns"),
    "too many columns": (b"Email" + b",x" * 500 + b"\n" + b"a@example.com\n", "at most 100"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_files_without_users_are_refused_with_the_reason(kind):
    """FI-1, IN-1"""
    data, reason = REFUSED[kind]
    with pytest.raises(Unreadable, match=reason):
        describe(KIND, io.BytesIO(data))


def test_an_endless_line_is_given_up_soon():
    """IN-3"""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * encodings.BLOCK

    with pytest.raises(Unreadable, match="Line 1"):
        next(records(endless(), "utf-8", ","))
    assert taken <= 3


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("E-Mail", "email"),
        ("email_address", "email"),
        ("Vorname", "first_name"),
        ("Prénom", "first_name"),
        ("LAST NAME", "last_name"),
        ("Rolle", "role"),
        ("Department", ""),
        ("", ""),
    ],
)
def test_columns_are_known_by_their_names(name, field):
    assert columns.recognised(KIND, name) == field


def test_a_field_is_guessed_once():
    assert columns.guess(KIND, ["Mail", "E-Mail", "First", "Name"], []) == {
        "email": 0,
        "first_name": 2,
    }


def test_a_space_behind_a_comma_leaves_no_quotation_marks():
    data = b'"Email", "First name"\r\n"ada@example.com", "Ada, or \'Countess\'"\r\n'
    assert cells_of(data) == [["ada@example.com", "Ada, or 'Countess'"]]
    assert describe(KIND, io.BytesIO(data)).columns == ["Email", "First name"]


# Names with letters that only some encodings have
NAMES = {
    "cp1250": "Łukasz Wiśniewski,Jiří Dvořák,Željko Čolić,Gábor Szőke,Zdeněk Šťastný",
    "cp1251": "Иван Петров,Ольга Смирнова,Дмитрий Кузнецов,Екатерина Иванова",
    "cp1253": "Γιώργος Παπαδόπουλος,Μαρία Κωνσταντίνου,Ελένη Ιωάννου",
    "cp1254": "Ayşe Yılmaz,Mehmet Öztürk,İbrahim Güneş,Çağla Şahin",
    "cp1252": "José Núñez,Zoë Müller,François Lefèvre,Siân O’Brien",
    "mac_roman": "José Núñez,Zoë Müller,François Lefèvre,Jürgen Groß",
    "cp932": "山田 太郎,佐藤 花子,鈴木 一郎",
    "gb18030": "王 伟,李 娜,张 敏,刘 洋,陈 小明,赵 建国,黄 丽华,周 杰,吴 秀英,徐 志强",
    "big5": "陳 大文,林 美玲,黃 志明",
    "cp949": "김 민수,이 영희,박 지훈,최 수진,정 현우",
    "cp850": "José Núñez,Zoë Müller,Jürgen Groß,François Lefèvre",
    "cp866": "Иван Петров,Ольга Смирнова,Дмитрий Кузнецов,Екатерина Иванова",
    "koi8_r": "Иван Петров,Ольга Смирнова,Дмитрий Кузнецов,Екатерина Иванова",
    "cp874": "สมชาย ใจดี,สมหญิง รักไทย",
}
# For the letters of names, DOS 437 and DOS 850 are identical.
READ_AS = {"shift_jis": "cp932", "gbk": "gb18030", "euc_kr": "cp949", "cp437": "cp850"}


@pytest.mark.parametrize("encoding", [*NAMES, *READ_AS])
def test_a_file_without_a_mark_is_read_in_its_encoding(encoding):
    expected = READ_AS.get(encoding, encoding)
    rows = [
        [f"user{number}@example.com", *name.split()]
        for number, name in enumerate(NAMES[expected].split(","))
    ]
    data = written([HEADER, *rows]).encode(encoding, "ignore")
    assert describe(KIND, io.BytesIO(data)).encoding == expected
    assert cells_of(data) == [
        [cell.encode(encoding, "ignore").decode(encoding) for cell in row] for row in rows
    ]


@pytest.mark.parametrize("encoding", ENCODING_CHOICES)
def test_every_encoding_can_be_chosen(encoding):
    data = b"Email,First name\nada@example.com,Ada\n".decode().encode(encoding)
    found = describe(KIND, io.BytesIO(data), encoding)
    assert (found.encoding, found.columns, found.lines) == (encoding, ["Email", "First name"], 1)


@pytest.mark.parametrize("bad", [b"Jos\xe9", b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_a_file_that_is_nearly_utf_8_is_utf_8_and_its_bad_lines_are_reported(bad):
    good = "zoe@example.com,Zoë,Müller\n".encode() * 3
    data = b"Email,First name,Last name\n" + good + b"jose@example.com," + bad + b",N\n" + good
    found = describe(KIND, io.BytesIO(data))
    assert (found.encoding, found.lines) == ("utf-8", 7)
    rows = [
        row
        for batch in batches(
            KIND, records([data], "utf-8", ","), {"email": 0, "first_name": 1, "last_name": 2}, 3
        )
        for row in batch
    ]
    damaged = [
        row.line for row in rows if NOT_IN_ENCODING in {each.message for each in row.problems}
    ]
    assert damaged == [5]
    assert rows[-1].first_name == "Zoë"


def test_a_byte_that_is_damaged_where_nothing_is_read_is_no_problem():
    data = "Email,Name,Note\nzoe@example.com,Zoë,".encode() + b"\xe9\n"
    ((_, row),) = batches(KIND, records([data], "utf-8", ","), {"email": 0, "first_name": 1}, 3)
    assert (row.first_name, row.problems) == ("Zoë", [])
