"""What belongs to one user: each route whose address names it answers others alike.

A route that is added tomorrow, or a name that an address is given, fails here until it is said
whose it is.
"""

import io

import pytest

from app import create_app
from app.extensions import db
from app.features import bulk, imports
from app.models import Permission
from tests import factories

RULES = sorted(create_app("testing").url_map.iter_rules(), key=str)
# What an address can name, and whose it is.
OWNED = {"import_id", "operation_id"}
SHARED = {
    # Whoever may open the page may see each of them; what may be done to a user, the policy says.
    *("user_id", "role_id", "event_id", "email_id", "job_id"),
    # A session is looked up with its user, and "Ending a session" below has it.
    "session_id",
    # Whoever has the link or the file's name.
    *("token", "filename", "name"),
}
OF_OWNED = [rule for rule in RULES if rule.arguments & OWNED]


@pytest.fixture
def manager(make_user):
    """Someone who may manage people, and no more."""
    factories.make_role("Manager", permissions=0x01 | Permission.MANAGE_USERS)
    return make_user(role="Manager", email="manager@example.com")


def upload(by):
    file = io.BytesIO(b"Email,Role\nnew@example.com,User\n")
    row = imports.upload(file, name="people.csv", by=by)
    imports.choose(
        row,
        mapping=row.mapping,
        has_header=True,
        mode="create",
        update_existing=False,
        role_id=row.role_id,
        by=by,
    )
    return row


def confirmed(things, by):
    imports.run(things["import_id"], check=things["import_id"].checks, keep_good=False, by=by)
    bulk.confirm(things["operation_id"], by=by)
    bulk.run(things["operation_id"].id)


@pytest.fixture
def of_admin(admin, make_user):
    """What an administrator has looked at and not confirmed."""
    operation = bulk.preview("suspend", by=admin, user_ids=[make_user().id])
    return {"import_id": upload(admin), "operation_id": operation}


def address(rule, things):
    url = str(rule)
    for name in rule.arguments:
        url = url.replace(f"<int:{name}>", str(things[name].id))
    return url


def test_each_name_in_an_address_is_known_to_belong_to_one_or_to_all():
    """AZ-2"""
    assert {name for rule in RULES for name in rule.arguments} == OWNED | SHARED


@pytest.mark.parametrize("rule", OF_OWNED, ids=str)
def test_what_nobody_has_confirmed_is_there_for_its_owner_alone(
    rule, app, admin, manager, make_user, of_admin
):
    """AZ-2: page, file and every button answer others as if there were nothing."""
    url = address(rule, of_admin)
    others = [manager, make_user(role="Administrator")]
    for other in others:
        browser = app.test_client()
        browser.enter(other)
        token = browser.csrf_token("/about")
        for method in sorted(rule.methods - {"OPTIONS"}):
            response = browser.open(url, method=method, headers={"X-CSRFToken": token})
            assert response.status_code == 404, (method, other)
    for thing in of_admin.values():
        db.session.refresh(thing)
    assert of_admin["import_id"].state == "checked"
    assert of_admin["operation_id"].state == "preview"
    owner = app.test_client()
    owner.enter(admin)
    token = owner.csrf_token("/about")
    for method in sorted(rule.methods - {"OPTIONS"}):
        response = owner.open(url, method=method, headers={"X-CSRFToken": token})
        assert response.status_code in {200, 302}, method


def test_what_is_confirmed_is_shown_to_all_and_stays_its_owners(app, admin, manager, of_admin):
    """AZ-2: page and file agree; deleting and going on are the owner's."""
    confirmed(of_admin, admin)
    browser = app.test_client()
    browser.enter(manager)
    for rule in OF_OWNED:
        if rule.methods >= {"GET"}:
            response = browser.get(address(rule, of_admin))
            assert response.status_code in {200, 302}, rule
    for path in ("delete", "go-on"):
        url = f"/admin/users/import/{of_admin['import_id'].id}/{path}"
        page = browser.submit(url, form_at="/about", follow_redirects=True)
        assert f"Only {admin.email} can do this" in page.text, path
    assert db.session.get(type(of_admin["import_id"]), of_admin["import_id"].id) is not None
    page = browser.get(f"/admin/users/import/{of_admin['import_id'].id}").text
    assert "/delete" not in page


def test_the_list_of_imports_has_no_unconfirmed_one_of_others(app, admin, manager, of_admin):
    path = f"/admin/users/import/{of_admin['import_id'].id}"
    browser = app.test_client()
    browser.enter(manager)
    assert path not in browser.get("/admin/users/import").text
    confirmed(of_admin, admin)
    assert path in browser.get("/admin/users/import").text


def test_the_services_refuse_others_too(admin, manager, of_admin):
    """AZ-2: whatever page calls them."""
    row = of_admin["import_id"]
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
        with pytest.raises(imports.NotYours):
            call()
    db.session.refresh(row)
    assert (row.state, row.actor_id) == ("checked", admin.id)
