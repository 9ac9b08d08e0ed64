"""A page whose table is not there: developers read which command makes it, others do not."""

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from app.kit.database import migrations

HINT = "Run `python manage.py db upgrade`."
MISSING = migrations.Mismatch("The tables are older than the code.", HINT)


@pytest.fixture
def open_page(app, client, monkeypatch):
    """Return a function that opens a page whose query fails."""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def open_page(failure, mismatch=MISSING, *, debug=True):
        def fail(*_args, **_kwargs):
            raise failure("SELECT 1", {}, Exception("no such table: projects"))

        monkeypatch.setitem(app.config, "DEBUG", debug)
        monkeypatch.setattr(migrations, "problem", lambda *_args: mismatch)
        monkeypatch.setitem(app.view_functions, "admin.index", fail)
        return client.get("/admin/")

    return open_page


@pytest.mark.parametrize("failure", [OperationalError, ProgrammingError])
def test_a_developer_reads_which_command_makes_the_table(client, admin, open_page, failure):
    client.enter(admin)
    page = open_page(failure)
    assert page.status_code == 503
    assert HINT in page.text


@pytest.mark.parametrize("failure", [OperationalError, ProgrammingError])
def test_no_visitor_reads_it(client, admin, open_page, failure):
    client.enter(admin)
    page = open_page(failure, debug=False)
    assert page.status_code == (503 if failure is OperationalError else 500)
    assert HINT not in page.text


def test_another_failure_is_not_blamed_on_the_tables(client, admin, open_page):
    client.enter(admin)
    page = open_page(OperationalError, mismatch=None)
    assert page.status_code == 503
    assert "Not available just now" in page.text
    assert open_page(ProgrammingError, mismatch=None).status_code == 500
