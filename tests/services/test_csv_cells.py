"""Cells that spreadsheets would run are shown as they are."""

import pytest

from app.services.csv_cells import neutral


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"]
)
def test_what_would_begin_a_formula_gets_an_apostrophe(first):
    """XS-4"""
    assert neutral(f"{first}1+1") == f"'{first}1+1"
    assert neutral(f"  {first}1+1") == f"'  {first}1+1"


@pytest.mark.parametrize("cell", ["", "Ada", "ada@example.com", "1-2", "O'Hara", " ", "'=1"])
def test_other_text_stays_as_it_is(cell):
    assert neutral(cell) == cell


@pytest.mark.parametrize("separator", [";", "\t", "; ", '";'])
@pytest.mark.parametrize("first", ["=", "+", "-", "@", "＝"])
def test_what_begins_a_cell_where_semicolons_separate_gets_an_apostrophe_too(separator, first):
    """XS-4: OWASP, "CSV Injection", on separators: Excel takes the list separator of its locale."""
    cell = neutral(f"Ada{separator}{first}1+1;x")
    begins = cell.split("\t" if "\t" in separator else ";")[1]
    assert begins.startswith("'")
    assert cell.replace("'", "") == f"Ada{separator}{first}1+1;x"
