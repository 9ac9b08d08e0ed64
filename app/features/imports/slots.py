"""Plug imports into pages of other modules."""

from typing import Any

from app.extensions import db
from app.features.imports.models import PeopleImport
from app.kit import slots


@slots.subject_page("peopleimport", "admin.show_import")
def arguments_of_page(import_id: int) -> dict[str, Any] | None:
    return {"import_id": import_id} if db.session.get(PeopleImport, import_id) else None


@slots.user_list_action("admin.import_users", "Import", order=10)
def offer_import() -> bool:
    return True
