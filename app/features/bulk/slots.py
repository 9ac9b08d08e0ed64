"""Plug bulk actions into pages of other modules."""

from typing import Any

from app.extensions import db
from app.features.bulk.models import BulkOperation
from app.kit import slots


@slots.subject_page("bulkoperation", "admin.bulk_operation")
def arguments_of_page(operation_id: int) -> dict[str, Any] | None:
    return {"operation_id": operation_id} if db.session.get(BulkOperation, operation_id) else None


slots.user_selection(bar="partials/_bulk_bar.html", form="bulk")
