"""Another process keeps the SQLite file locked."""

import sqlite3
from contextlib import closing

import pytest

from tests.serving.test_database_away import is_careful_error_page


@pytest.mark.slow
def test_a_signed_in_visitor_sees_an_error_page_while_sqlite_is_locked(site):
    """F15: it was gunicorn's bare 500 after three times the timeout of the lock."""
    site.sign_in("admin@example.com")
    logged = len(site.log)
    token = site.csrf_token("/account/manage")
    form = {"first_name": "Ada", "last_name": "Lovelace", "csrf_token": token}
    path = site.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        is_careful_error_page(site.ask("/account/manage/change-name", "POST", **form))
        # Readers do not block a writer, and a writer does not block readers.
        assert site.ask("/account/manage").status == 200
        assert site.ask("/healthz").status == 200
        other.execute("ROLLBACK")
    assert site.ask("/account/manage/change-name", "POST", **form).status == 302
    assert "Traceback" not in site.log[logged:]
