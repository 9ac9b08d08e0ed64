"""Admin views that search, show and export the audit trail."""

from typing import Any

from flask import redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import fresh_sign_in_required, permission_required
from app.extensions import db
from app.features.audit import tables
from app.features.audit.services import exporting, finding, words
from app.kit import slots
from app.kit.database import now
from app.kit.web import table_pages
from app.kit.web.downloads import csv_file
from app.models import AuditEvent, Permission, User
from app.sign_in import me

viewers_only = permission_required(Permission.VIEW_AUDIT)


@admin.get("/audit")
@viewers_only
def audit() -> ResponseReturnValue:
    asked = table_pages.read(tables.events)
    user_id = tables.filters_of(asked).user_id
    return table_pages.render(
        table_pages.load(asked),
        template="admin/audit.html",
        person=db.session.get(User, user_id) if user_id else None,
    )


@admin.get("/audit/<int:event_id>")
@viewers_only
def audit_event(event_id: int) -> ResponseReturnValue:
    """Show one event with all its details."""
    event = db.get_or_404(AuditEvent, event_id)
    return render_template(
        "admin/audit_event.html",
        event=event,
        others=finding.same_request(event),
        subject_page=slots.subject_page_of(event.subject_type, event.subject_id),
        words=words,
    )


@admin.route("/audit/export.csv", methods=["GET", "POST"])
@viewers_only
@fresh_sign_in_required
def export_audit() -> ResponseReturnValue:
    """Export the listed events as CSV. It takes a POST, because it records an event itself."""
    asked = table_pages.read(tables.events)
    query: dict[str, Any] = asked.narrowing()
    if request.method != "POST":  # The password prompt redirects back with a GET.
        return redirect(url_for("admin.audit", **query))
    filters = tables.filters_of(asked)
    return csv_file(
        f"audit-trail-{now():%Y-%m-%d}.csv",
        lambda: stream_with_context(exporting.export(filters, by=me(), noted=query)),
    )
