"""Escape CSV cells that spreadsheets would run as formulas."""

import random

import pytest

from app.kit.tables.csv_cells import escape_formula, escaped, unescaped


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"]
)
def test_a_cell_that_begins_a_formula_gets_an_apostrophe(first):
    """XS-4"""
    assert escape_formula(f"{first}1+1") == f"'{first}1+1"
    assert escape_formula(f"  {first}1+1") == f"'  {first}1+1"


@pytest.mark.parametrize("cell", ["", "Ada", "ada@example.com", "1-2", "O'Hara", " ", "'=1"])
def test_other_text_stays_as_it_is(cell):
    assert escape_formula(cell) == cell


@pytest.mark.parametrize("separator", [";", "\t", "; ", '";'])
@pytest.mark.parametrize("first", ["=", "+", "-", "@", "＝"])
def test_a_formula_after_a_semicolon_gets_an_apostrophe(separator, first):
    """XS-4: OWASP, "CSV Injection", on separators: Excel uses the list separator of its locale."""
    cell = escape_formula(f"Ada{separator}{first}1+1;x")
    begins = cell.split("\t" if "\t" in separator else ";")[1]
    assert begins.startswith("'")
    assert cell.replace("'", "") == f"Ada{separator}{first}1+1;x"


@pytest.mark.parametrize("cell", ["-Bo", "=Ann", "+ann@example.org", "-Night shift", "＝x", " =1"])
def test_the_import_takes_back_what_the_export_escapes(cell):
    assert escaped(cell) == escape_formula(cell) != cell
    assert unescaped(escaped(cell)) == cell


@pytest.mark.parametrize("cell", ["'t Hooft", "d'Arc", "'", "''", "O'-Bo", "rock 'n' roll; 'x"])
def test_a_name_with_an_apostrophe_of_its_own_survives(cell):
    assert escaped(cell) == cell
    assert unescaped(cell) == cell


def test_any_cell_comes_back_exactly_and_runs_nothing():
    """XS-4: no cell begins with a formula, with this separator or others."""
    chance = random.Random(9)  # noqa: S311 - the same cells each time, not secrets
    for _ in range(50_000):
        cell = "".join(chance.choices("'' =+-@\t;;＝\r\nab,\"", k=chance.randrange(9)))
        shown = escaped(cell)
        assert unescaped(shown) == cell, repr(cell)
        for part in shown.replace("\t", ";").split(";"):
            assert part.lstrip(" ")[:1] not in set("=+-@＝\r\n"), repr(cell)


def test_cells_are_escaped_in_a_single_pass():
    """Twice the length takes twice the work: lookaheads do not scan the same text again."""
    cell = "; '" * 20_000 + "="
    assert unescaped(escaped(cell)) == cell
