"""Test the number of queries per request during an impersonation."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event

from tests.support import PASSWORD


class Statements(list):
    """Collect the statements sent to the database, except those that begin and end transactions."""

    def note(self, _connection, _cursor, statement, *_rest) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.append(statement)


@pytest.fixture
def statements() -> Iterator[Statements]:
    statements = Statements()
    event.listen(Engine, "before_cursor_execute", statements.note)
    yield statements
    event.remove(Engine, "before_cursor_execute", statements.note)


def test_only_who_is_signed_in_as_someone_needs_a_second_query(
    admin, make_user, signed_in, statements
):
    browser = signed_in(admin)
    browser.submit(f"/admin/user/{make_user().id}/sign-in-as", {"password": PASSWORD})
    statements.clear()

    assert "signed in as" in browser.get("/").text

    assert len(statements) == 2
