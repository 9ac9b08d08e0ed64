"""Test that only the owner sees an import until it is confirmed, and all managers afterwards."""

import pytest

from app.extensions import db
from app.features.imports.tests.access import checked_import
from app.kit import imports
from app.kit.operations import NotYours
from app.models import Permission
from tests import factories
from tests.routes import PAGES as ALL_PAGES
from tests.world import World

PAGES = [rule for rule in ALL_PAGES if "import_id" in rule.arguments and "GET" in rule.methods]


@pytest.fixture
def manager(make_user):
    """A user who may manage users and nothing else."""
    factories.make_role("Manager", permissions=0x01 | Permission.MANAGE_USERS)
    return make_user(role="Manager", email="manager@example.com")


@pytest.fixture
def browser(app, manager):
    client = app.test_client()
    client.enter(manager)
    return client


@pytest.fixture
def row(app, make_user, admin, request):
    """A checked, unconfirmed import of an administrator."""
    return checked_import(World(app, make_user, admin, request))


def test_a_confirmed_import_is_shown_to_all_and_stays_its_owners(admin, browser, row):
    """AZ-2: page and download agree; only the owner may delete or resume it."""
    imports.run(row, check=row.checks, keep_good=False, by=admin)
    for rule in PAGES:
        response = browser.get(str(rule).replace("<int:import_id>", str(row.id)))
        assert response.status_code in {200, 302}, rule
    for path in ("delete", "go-on"):
        url = f"/admin/users/import/{row.id}/{path}"
        page = browser.submit(url, form_at="/", follow_redirects=True)
        assert f"Only {admin.email} can do this" in page.text, path
    assert db.session.get(type(row), row.id) is not None
    assert "/delete" not in browser.get(f"/admin/users/import/{row.id}").text


def test_the_list_of_imports_has_no_unconfirmed_one_of_others(admin, browser, row):
    path = f"/admin/users/import/{row.id}"
    assert path not in browser.get("/admin/users/import").text
    imports.run(row, check=row.checks, keep_good=False, by=admin)
    assert path in browser.get("/admin/users/import").text


def test_the_services_refuse_others_too(admin, manager, row):
    """AZ-2: this does not depend on the page that calls them."""
    calls = {
        "run": lambda: imports.run(row, check=row.checks, keep_good=True, by=manager),
        "go on": lambda: imports.go_on(row, by=manager),
        "delete": lambda: imports.delete(row, by=manager),
        "choose": lambda: imports.choose(
            row,
            mapping={"email": 0},
            has_header=True,
            mode="create",
            update_existing=False,
            role_id=None,
            by=manager,
        ),
    }
    for call in calls.values():
        with pytest.raises(NotYours):
            call()
    db.session.refresh(row)
    assert (row.state, row.actor_id) == ("checked", admin.id)
