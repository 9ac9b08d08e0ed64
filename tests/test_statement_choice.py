"""CI runs on PostgreSQL as many tests as execute each statement, and all where engines differ."""

import pytest

from tests.fixtures.database_use import OWN_DATABASE
from tests.fixtures.statement_choice import choose, fingerprint

SELECT = "SELECT id FROM users WHERE name = ?"
SEARCH = "SELECT id FROM users WHERE name LIKE ?"
PAGE, OTHER, THIRD = (f"tests/admin/test_{name}.py::test" for name in ("edit", "view", "new"))


def test_tests_run_until_each_statement_is_executed():
    known = {PAGE: ["a"], OTHER: ["a", "b", "c"], THIRD: ["b", "d"]}
    assert choose({name: ["app"] for name in known}, known) == {OTHER, THIRD}


@pytest.mark.parametrize(
    ("name", "fixtures"),
    [
        ("tests/models/test_user.py::test", ["app"]),
        ("app/features/bulk/tests/test_races.py::test", ["app"]),
        ("app/features/any/tests/test_search.py::test", ["app"]),
        ("tests/admin/test_user_list.py::test", ["app"]),
        *((PAGE, [name]) for name in sorted(OWN_DATABASE)),
    ],
)
def test_tests_of_order_and_concurrency_and_of_own_databases_always_run(name, fixtures):
    known = {name: ["a"], OTHER: ["a", "b"]}
    assert name in choose({name: fixtures, OTHER: ["app"]}, known)


def test_a_test_that_is_not_known_runs_if_it_uses_the_database():
    assert choose({PAGE: ["app"], OTHER: ["tmp_path"]}, {}) == {PAGE}


def test_an_unknown_test_in_the_file_is_ignored():
    assert choose({PAGE: ["app"]}, {PAGE: ["a"], "tests/gone.py::test": ["a", "b"]}) == {PAGE}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "Ada" * 30),
        ("Ada", "Ad\0a"),
        ("Ada", "Adä"),
        ("Ada", ""),
        ("Ada", None),
        (1, 2**31),
        (1, 2**63),
        (1, "1"),
    ],
)
def test_a_statement_counts_anew_with_another_kind_of_value(one, other):
    assert fingerprint(SELECT, (one,)) != fingerprint(SELECT, (other,))


def test_a_statement_counts_once_with_values_of_one_kind():
    assert fingerprint(SELECT, ("Ada",)) == fingerprint(SELECT, ("Bob",))
    assert fingerprint(SEARCH, ("Ada",)) != fingerprint(SEARCH, ("Bob",))


def test_a_list_of_any_length_counts_once():
    lists = "SELECT id FROM users WHERE id IN (?, ?)", "SELECT id FROM users WHERE id IN (?, ?, ?)"
    assert fingerprint(lists[0], (1, 2)) == fingerprint(lists[1], (1, 2, 3))
    rows = "INSERT INTO a VALUES (?, ?), (?, ?)", "INSERT INTO a VALUES (?, ?), (?, ?), (?, ?)"
    assert fingerprint(rows[0], (1, "a", 2, "b")) == fingerprint(rows[1], (1, "a", 2, "b", 3, "c"))
