"""Routes whose URL names a row of one user answer other users as if the row did not exist.

A new name in a URL fails here until a table declares who owns its rows.
"""

from typing import Any

import pytest

from app.extensions import db
from app.models import Permission
from tests import factories
from tests.routes import RULES, file_of, rows, takes_token
from tests.world import World

# Browsers get no row at all from routes that take tokens.
PAGES = [rule for rule in RULES if not takes_token(rule.endpoint)]
OF_OWNED = [rule for rule in PAGES if rule.arguments & rows("OWNED").keys()]


def test_each_name_in_a_url_names_a_row_of_one_user_or_of_all():
    """AZ-2"""
    known = rows("OWNED").keys() | rows("SHARED").keys()
    for rule in RULES:
        for name in rule.arguments:
            assert name in known, (
                f"Add a row for {name} to OWNED or SHARED in {file_of(rule.endpoint)}: "
                f"who may see the row that {rule} names?"
            )
    for name in known:
        assert any(name in rule.arguments for rule in RULES), (
            f"Remove {name} from OWNED or SHARED: no URL has it."
        )


def columns_of(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in type(row).__table__.columns}


@pytest.mark.parametrize("rule", OF_OWNED, ids=str)
def test_a_row_that_is_not_confirmed_is_there_for_its_owner_alone(
    rule, app, admin, make_user, request
):
    """AZ-2: the page, the file and every button answer others as if the row did not exist."""
    world = World(app, make_user, admin, request)
    (name,) = rule.arguments
    thing = rows("OWNED")[name](world)
    before, url = columns_of(thing), str(rule).replace(f"<int:{name}>", str(thing.id))
    factories.make_role("Manager", permissions=Permission.known() & ~0x80)
    for other in (make_user(role="Manager"), make_user(role="Administrator")):
        browser = app.test_client()
        browser.enter(other)
        token = browser.csrf_token("/")
        for method in sorted(rule.methods - {"OPTIONS"}):
            response = browser.open(url, method=method, headers={"X-CSRFToken": token})
            assert response.status_code == 404, (method, other)
    db.session.refresh(thing)
    assert columns_of(thing) == before
    token = world.browser.csrf_token("/")
    for method in sorted(rule.methods - {"OPTIONS"}):
        response = world.browser.open(url, method=method, headers={"X-CSRFToken": token})
        assert response.status_code in {200, 302}, method
