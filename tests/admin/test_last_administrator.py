"""AD-1: whatever is done, by whichever path, someone who can sign in administers the app.

Whoever acts here holds every permission and cannot sign in again, having no password: they do not
count, so the one other administrator must stay.
"""

import contextlib
import io

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features import bulk, imports
from app.features.roles import editing
from app.models import Role, User
from app.services import deletions, policy, roles, users
from tests.factories import make_role
from tests.support import PASSWORD


@pytest.fixture
def last(make_user):
    """The only administrator who can sign in, by a role beside the kit's own."""
    make_role("Owner", 0xFF, index="admin")
    return make_user(role="Owner", email="last@example.com")


@pytest.fixture
def actor(make_user):
    user = make_user(role="Administrator", email="actor@example.com")
    user.password_hash = None
    db.session.commit()
    return user


@pytest.fixture
def browser(app, actor):
    browser = app.test_client()
    browser.enter(actor)
    return browser


def role(name):
    return db.session.scalar(select(Role).where(Role.name == name))


# Each is called with the last administrator, the one who acts, a browser of theirs and the app.


def page_demotes(last, _actor, browser, _app):
    at = f"/admin/user/{last.id}/change-account-type"
    return browser.submit(at, {"role": str(role("User").id)}, follow_redirects=True).text


def page_suspends(last, _actor, browser, _app):
    at = f"/admin/user/{last.id}/suspend"
    return browser.submit(at, form_at="/about", follow_redirects=True).text


def page_deletes(last, _actor, browser, _app):
    at = f"/admin/user/{last.id}/delete"
    return browser.submit(at, form_at="/about", follow_redirects=True).text


def page_edits_the_role(last, _actor, browser, _app):
    values = editing.Values("Owner", "admin", 0x05, default=False)
    with pytest.raises(policy.LastAdministrator):
        editing.change(last.role, values, by=None)
    noted = browser.get(f"/admin/roles/{last.role_id}").text
    seen = noted.split('name="seen"')[1].split('value="')[1].split('"')[0]
    data = {
        "name": "Owner", "index": "admin", "permissions": ["1", "4"],
        "seen": seen.replace("&#34;", '"'),
    }  # fmt: skip
    page = browser.submit(f"/admin/roles/{last.role_id}", data).text
    promise = page.split('name="confirmed"')[1].split('value="')[1].split('"')[0]
    data["confirmed"] = promise.replace("&#34;", '"')
    return browser.submit(f"/admin/roles/{last.role_id}", data).text


def page_deletes_the_role(last, _actor, browser, _app):
    at = f"/admin/roles/{last.role_id}/delete"
    return browser.submit(at, {"role": str(role("User").id)}, follow_redirects=True).text


def oneself_deletes_the_role(last, _actor, _browser, app):
    own = app.test_client()
    own.enter(last)
    return page_deletes_the_role(last, last, own, app)


def oneself_edits_the_role(last, _actor, _browser, app):
    own = app.test_client()
    own.enter(last)
    return page_edits_the_role(last, last, own, app)


def oneself_leaves(last, _actor, _browser, _app):
    with pytest.raises(policy.LastAdministrator):
        deletions.delete_oneself(last, password=PASSWORD)


def service_demotes(last, actor, _browser, _app):
    with pytest.raises(policy.LastAdministrator):
        users.change_role(last, role=role("User"), by=actor)


def command_demotes(last, _actor, _browser, _app):
    with pytest.raises(policy.LastAdministrator):
        users.change_role(last, role=role("User"), by=None)


def _bulk(last, actor, action, **options):
    operation = bulk.preview(action, by=actor, user_ids=[last.id, actor.id], **options)
    bulk.confirm(operation, by=actor)
    bulk.run_some(operation.id)


def bulk_suspends(last, actor, _browser, _app):
    _bulk(last, actor, "suspend")


def bulk_deletes(last, actor, _browser, _app):
    _bulk(last, actor, "delete")


def bulk_demotes(last, actor, _browser, _app):
    _bulk(last, actor, "change_role", role=role("User"))


def import_demotes(last, actor, _browser, _app):
    file = io.BytesIO(f"email,role\n{last.email},User\n".encode())
    row = imports.upload(file, name="people.csv", by=actor)
    imports.choose(
        row, mapping={"email": 0, "role": 1}, has_header=True, mode="update",
        update_existing=True, role_id=role("User").id, by=actor,
    )  # fmt: skip
    imports.run(row, check=row.checks, keep_good=True, by=actor)


def setup_prod(_last, _actor, _browser, app):
    result = app.test_cli_runner().invoke(args=["setup_prod"])
    assert result.exit_code == 0, result.output


def release_puts_the_roles_right(_last, _actor, _browser, _app):
    roles.insert()


PATHS = {
    "page demotes": page_demotes,
    "page suspends": page_suspends,
    "page deletes": page_deletes,
    "page edits the role": page_edits_the_role,
    "page deletes the role": page_deletes_the_role,
    "oneself edits the role": oneself_edits_the_role,
    "oneself deletes the role": oneself_deletes_the_role,
    "oneself leaves": oneself_leaves,
    "service demotes": service_demotes,
    "command demotes": command_demotes,
    "bulk suspends": bulk_suspends,
    "bulk deletes": bulk_deletes,
    "bulk demotes": bulk_demotes,
    "import demotes": import_demotes,
    "setup_prod": setup_prod,
    "release": release_puts_the_roles_right,
}


@pytest.mark.parametrize("path", PATHS)
def test_the_last_administrator_survives(path, app, last, actor, browser, monkeypatch):
    """AD-1"""
    monkeypatch.setitem(app.config, "ADMIN_PASSWORD", PASSWORD)
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", actor.email)
    said = PATHS[path](last, actor, browser, app)
    db.session.expire_all()
    assert last.is_admin(), said
    assert last.status == "active"
    assert last.role.name == "Owner"
    assert policy.has_administrator()
    if path.startswith(("page", "oneself")) and said:
        assert "Nobody else could administer the app" in said


@pytest.mark.parametrize("path", [path for path in PATHS if " " in path])
def test_with_a_second_administrator_the_same_is_done(path, app, last, actor, browser, make_user):
    """Each path above is refused for being the last, and for nothing else."""
    make_user(role="Administrator")
    last_id = last.id
    with contextlib.suppress(pytest.fail.Exception):  # of waiting for the refusal
        PATHS[path](last, actor, browser, app)
    db.session.expire_all()
    remains = db.session.get(User, last_id)
    assert not (remains.is_admin() and remains.status == "active")
    assert policy.has_administrator()
