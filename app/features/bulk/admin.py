"""Admin views for bulk actions: choose users, preview, confirm, and follow the progress."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import fresh_sign_in_required, permission_required
from app.features import bulk
from app.features.bulk import Action, tables
from app.features.bulk.forms import BulkForm
from app.features.bulk.models import BulkOperation
from app.kit.operations import NothingChosen, OperationState
from app.kit.web import table_pages
from app.kit.web.operations import operation_pages
from app.kit.web.operations.operation_pages import UnreadableChoice, picked
from app.models import Permission, Role
from app.services import roles as roles_service
from app.sign_in import me

people_managers_only = permission_required(Permission.MANAGE_USERS)


@admin.get("/users/bulk")
@people_managers_only
def bulk_operations() -> ResponseReturnValue:
    return table_pages.show(tables.operations, template="admin/bulk_operations.html")


# Choosing


@admin.post("/users/bulk")
@people_managers_only
def preview_bulk() -> ResponseReturnValue:
    """Save a preview of the action and its users, and redirect to it. Nothing changes yet."""
    asked = tables.read_users(request.form)
    try:
        action, role = _action()
        is_everyone = request.form.get("everyone") == "1"
        if is_everyone and asked.notices:
            # An ignored filter widens the list, and the action must not hit those extra users.
            raise UnreadableChoice(
                f"{asked.notices[0]} Set the filter again, then choose what to do."
            )
        operation = bulk.preview(
            action.name,
            by=me(),
            user_ids=() if is_everyone else picked("user_ids", asked.table.nouns),
            asked=asked if is_everyone else None,
            role=role,
        )
    except UnreadableChoice as problem:
        flash(str(problem), "error")
    except NothingChosen:
        flash("Nobody is selected: those people are gone, or nobody matches.", "error")
    except bulk.NotOffered:
        flash("Invitations are closed by the settings of this app.", "error")
    else:
        return redirect(url_for("admin.bulk_operation", operation_id=operation.id))
    narrowing: dict[str, Any] = asked.narrowing()
    return redirect(url_for("admin.registered_users", **narrowing))


def _action() -> tuple[Action, Role | None]:
    name, _, role_id = request.form.get("action", "").partition(":")
    action = bulk.ACTIONS.get(name)
    if action is None or not action.is_offered:
        raise UnreadableChoice("Choose an action for the selected people.")
    if not action.has_role:
        return action, None
    role = next((one for one in roles_service.assignable(me()) if str(one.id) == role_id), None)
    if role is None:
        raise UnreadableChoice("Choose one of the roles that you may give.")
    return action, role


# One operation


@admin.route("/users/bulk/<int:operation_id>", methods=["GET", "POST"])
@people_managers_only
def bulk_operation(operation_id: int) -> ResponseReturnValue:
    """Show the preview with its confirmation form; once confirmed, the progress and the result."""
    operation = _operation_or_404(operation_id)
    action = bulk.ACTIONS[operation.action]
    if operation.state == OperationState.PREVIEW:
        if not action.is_offered:
            abort(404)
        ask = _ask_freshly if action.requires_fresh_sign_in else _ask
        return ask(operation, action)
    if request.method == "POST":  # The form was submitted twice.
        return _back_to(operation)
    shown = operation_pages.shown(operation, by=me())
    return render_template(
        "admin/bulk_operation.html", action=action, title=bulk.title(operation), **shown
    )


def _ask(operation: BulkOperation, action: Action) -> ResponseReturnValue:
    form = BulkForm()
    if not action.has_reason:
        del form.reason
    if action.change.mail is None or action.needs_mail:
        del form.tell
    if operation.to_do and form.validate_on_submit():
        reason = form.reason.data if form.reason else ""
        tell = form.tell.data if form.tell else True
        operation_pages.confirm(
            operation, lambda: bulk.confirm(operation, by=me(), reason=reason, tell=tell)
        )
        return _back_to(operation)
    shown = operation_pages.shown(operation, by=me())
    return render_template(
        "admin/bulk_preview.html", action=action, form=form, title=bulk.title(operation), **shown
    )


_ask_freshly = fresh_sign_in_required(_ask)


@admin.route("/users/bulk/<int:operation_id>/continue", methods=["GET", "POST"])
@people_managers_only
@fresh_sign_in_required
def continue_bulk(operation_id: int) -> ResponseReturnValue:
    operation = _operation_or_404(operation_id)
    if request.method == "POST":  # The password prompt redirects back with a GET.
        operation_pages.go_on(operation, by=me(), is_here=request.form.get("here") == "1")
    return _back_to(operation)


@admin.post("/users/bulk/<int:operation_id>/stop")
@people_managers_only
def stop_bulk(operation_id: int) -> ResponseReturnValue:
    operation = _operation_or_404(operation_id)
    operation_pages.stop(operation, by=me())
    return _back_to(operation)


@admin.get("/users/bulk/<int:operation_id>/results.csv")
@people_managers_only
@fresh_sign_in_required
def bulk_results(operation_id: int) -> ResponseReturnValue:
    return operation_pages.download(_operation_or_404(operation_id), "people", by=me())


def _operation_or_404(operation_id: int) -> BulkOperation:
    operation: BulkOperation = operation_pages.operation_or_404(
        BulkOperation, operation_id, by=me()
    )
    return operation


def _back_to(operation: BulkOperation) -> Any:
    return redirect(url_for("admin.bulk_operation", operation_id=operation.id))
