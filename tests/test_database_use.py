"""A test without a fixture that provides the database cannot open it."""

import pytest
from sqlalchemy import create_engine

from tests import databases
from tests.fixtures import database_use


@pytest.fixture
def of_the_tests():
    """Return an engine of the database that TEST_DATABASE_URL chooses."""
    engine = create_engine(databases.chosen())
    yield engine
    engine.dispose()
    database_use.opened.clear()


@pytest.fixture
def of_the_test(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'own.sqlite'}")
    yield engine
    engine.dispose()


def test_the_database_of_the_tests_is_asked_for(of_the_tests):
    of_the_tests.connect().close()

    with pytest.raises(AssertionError, match="Let it ask for the fixture `app`"):
        database_use.check(["tmp_path"])
    database_use.check(["tmp_path", "app"])


def test_a_file_of_the_test_is_its_own_affair(of_the_test):
    of_the_test.connect().close()

    assert database_use.opened
    database_use.check(["tmp_path"])
