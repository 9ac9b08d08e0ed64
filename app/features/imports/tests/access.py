"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

import io

from sqlalchemy import select

from app.extensions import db
from app.features.imports import PEOPLE
from app.features.imports.models import PeopleImport
from app.kit import imports
from app.kit.database import now
from app.kit.imports import ImportState
from app.models import Permission
from tests.support import module_of
from tests.world import HOSTILE as TEXT

NEW = "invite" if module_of("invitations") else "create"  # the mode for new users
MADE = "invited" if NEW == "invite" else "created"

ACCESS = {
    "admin.import_users": Permission.MANAGE_USERS,
    "admin.import_sample": Permission.MANAGE_USERS,
    "admin.import_columns": Permission.MANAGE_USERS,
    "admin.show_import": Permission.MANAGE_USERS,
    "admin.run_import": Permission.MANAGE_USERS,
    "admin.go_on_with_import": Permission.MANAGE_USERS,
    "admin.cancel_import": Permission.MANAGE_USERS,
    "admin.delete_import": Permission.MANAGE_USERS,
    "admin.import_problems": Permission.MANAGE_USERS,
    "admin.import_results": Permission.MANAGE_USERS,
}


def checked_import(world):
    """Return an import with a checked file."""
    file = io.BytesIO(b"Email,First name,Last name\ngrace@example.com,Grace,Hopper\n")
    row = imports.upload(PEOPLE, file, name="people.csv", by=world.admin)
    imports.choose(
        row,
        mapping={"email": 0, "first_name": 1, "last_name": 2},
        has_header=True,
        mode="create",
        update_existing=False,
        role_id=world.role("User").id,
        by=world.admin,
    )
    assert row.state == ImportState.CHECKED, row.failure
    return row


def on_import(path, form_at="", **state):
    """Return a function that posts a form about an import with a checked file."""

    def send(world):
        row = checked_import(world)
        for name, value in state.items():
            setattr(row, name, value)
        db.session.commit()
        address = f"/admin/users/import/{row.id}/{path.format(row=row)}"
        return world.send(world.browser, address, form_at=form_at)

    return send


def upload(browser, text):
    """Upload a file with a hostile name, and return the import."""
    token = browser.csrf_token("/admin/users/import")
    file = (io.BytesIO(text.encode()), "<img src=x onerror=alert(1)>.csv")
    answer = browser.post("/admin/users/import", data={"csrf_token": token, "file": file})
    assert answer.status_code == 302, answer.text
    return db.session.scalar(select(PeopleImport))


def hostile_import(world):
    header = TEXT.replace('"', '""')
    row = upload(
        world.browser, f'Email,"{header}"\nx@example.com,"{header}"\nno address,"{header}"\n'
    )
    imports.choose(
        row,
        mapping={"email": 0, "role": 1},
        has_header=True,
        mode=NEW,
        update_existing=False,
        role_id=world.role("User").id,
        by=world.admin,
    )
    return [row.id]


EVENTS = {
    "admin.run_import": ("import.started", on_import("run?check={row.checks}")),
    "admin.go_on_with_import": (
        "import.started",
        on_import("go-on", state=ImportState.CANCELLED, started_at=now()),
    ),
    "admin.cancel_import": (
        "import.cancelled",
        on_import("cancel", "/", state=ImportState.RUNNING, started_at=now()),
    ),
    "admin.delete_import": ("import.deleted", on_import("delete")),
}
WITHOUT_EVENT = {
    "admin.import_users": "a file that nothing is done with yet",
    "admin.import_columns": "says what the columns are; the run is recorded",
}
DOWNLOADS = {
    "admin.import_results": (
        "import.downloaded",
        lambda world: f"/admin/users/import/{checked_import(world).id}/results.csv",
    ),
    "admin.import_problems": (
        "import.downloaded",
        lambda world: f"/admin/users/import/{checked_import(world).id}/problems.csv",
    ),
}
WITHOUT_USERS = {"admin.import_sample": "a file that shows how one looks"}
OWNED = {"import_id": checked_import}
HOSTILE = {"import_id": hostile_import}
NOT_OWN_DATA = {
    "imports": "the work of administrators; the activity names it",
}
