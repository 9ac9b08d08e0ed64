"""Admin pages for importing users from CSV."""

from __future__ import annotations

from flask import url_for

from app.admin import admin
from app.decorators import fresh_sign_in_required, permission_required
from app.features.imports import PEOPLE
from app.features.imports.forms import ColumnsForm
from app.features.imports.models import PeopleImport
from app.kit.web.operations.import_pages import ImportPages
from app.kit.web.restrict import may_open
from app.models import Permission
from app.sign_in import me


def see_invitations(row: PeopleImport) -> tuple[str, str] | None:
    """Return the page of the invitations for an import that has invited users."""
    has_invited = row.counts.get("invited") or row.counts.get("created")
    if not has_invited or not may_open("admin.invitations"):
        return None
    return url_for("admin.invitations"), "See the invitations"


pages = ImportPages(
    PEOPLE,
    by=me,
    list_url=lambda: (url_for("admin.registered_users"), "People"),
    form=ColumnsForm,
    prefix="admin.",
    names={
        "import": "admin.import_users",
        "import_check": "admin.show_import",
        "import_run": "admin.run_import",
        "import_go_on": "admin.go_on_with_import",
        "import_cancel": "admin.cancel_import",
        "import_delete": "admin.delete_import",
    },
    after=see_invitations,
)
pages.add_to(
    admin,
    "/users/import",
    permission_required(Permission.MANAGE_USERS),
    fresh_sign_in_required,
)
