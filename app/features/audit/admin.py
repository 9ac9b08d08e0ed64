"""Admin views that search, show and export the audit trail."""

from typing import Any

from flask import (
    abort,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import fresh_sign_in_required, permission_required
from app.extensions import db
from app.features import audit as trail
from app.features.audit import EventFilters
from app.kit import slots
from app.kit.audit.actions import ACTIONS, NOUNS
from app.kit.database import HIGHEST_BIG_INTEGER, now, whole_number
from app.kit.web.downloads import csv_file
from app.kit.web.list_params import asked_for
from app.models import Permission, User
from app.sign_in import me

viewers_only = permission_required(Permission.VIEW_AUDIT)


@admin.get("/audit")
@viewers_only
def audit() -> ResponseReturnValue:
    """List the events, newest first. The query string holds every filter."""
    filters, notices = EventFilters.from_query(request.args)
    before, after = (_cursor(name, notices) for name in ("before", "after"))
    page = trail.find(filters, before=before, after=after)
    return render_template(
        "admin/audit.html",
        page=page,
        filters=filters,
        query=filters.to_query(),
        notices=[*notices, *page.notices],
        person=db.session.get(User, filters.user_id) if filters.user_id else None,
        choices=_choices(),
        trail=trail,
    )


@admin.get("/audit/<int:event_id>")
@viewers_only
def audit_event(event_id: int) -> ResponseReturnValue:
    """Show one event with all its details."""
    event = trail.get(event_id) or abort(404)
    return render_template(
        "admin/audit_event.html",
        event=event,
        others=trail.same_request(event),
        subject_page=slots.subject_page_of(event.subject_type, event.subject_id),
        trail=trail,
    )


@admin.route("/audit/export.csv", methods=["GET", "POST"])
@viewers_only
@fresh_sign_in_required
def export_audit() -> ResponseReturnValue:
    """Export the listed events as CSV. It takes a POST, because it records an event itself."""
    filters, _ = EventFilters.from_query(request.args)
    if request.method != "POST":  # The password prompt redirects back with a GET.
        query: dict[str, Any] = filters.to_query()
        return redirect(url_for("admin.audit", **query))
    return csv_file(
        f"audit-trail-{now():%Y-%m-%d}.csv",
        lambda: stream_with_context(trail.export(filters, by=me())),
    )


def _cursor(name: str, notices: list[str]) -> int | None:
    given = asked_for(
        name,
        lambda text: whole_number(text, HIGHEST_BIG_INTEGER) is not None,
        notices,
        "“{}” is no place in the list, so it begins with the newest.",
    )
    return int(given) if given else None


def _choices() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return the actions, grouped by the kind of subject."""
    return [
        (
            noun,
            words,
            [
                (action, text)
                for action, text in ACTIONS.items()
                if action.partition(".")[0] == noun
            ],
        )
        for noun, words in NOUNS.items()
    ]
