"""Admin views for bulk actions: choose users, preview, confirm, and follow the progress."""

from itertools import chain
from typing import Any

from flask import (
    abort,
    flash,
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
from app.features import bulk
from app.features.bulk import Action
from app.features.bulk.forms import BulkForm
from app.features.bulk.models import BulkOperation, BulkState
from app.features.user_search import Filters
from app.kit.database import HIGHEST_BIG_INTEGER, HIGHEST_INTEGER, whole_number
from app.kit.tables.csv_cells import BYTE_ORDER_MARK
from app.kit.web.downloads import csv_file
from app.kit.web.list_params import is_live
from app.models import Permission, Role
from app.services import roles as roles_service
from app.services.registration import InvitationsClosed
from app.sign_in import me

people_managers_only = permission_required(Permission.MANAGE_USERS)


class _Unreadable(Exception):
    """The form cannot be read. The message is shown to the user."""


@admin.get("/users/bulk")
@people_managers_only
def bulk_operations() -> ResponseReturnValue:
    return render_template(
        "admin/bulk_operations.html",
        operations=bulk.recent(),
        actions=bulk.ACTIONS,
        live=is_live(),
    )


# Choosing


@admin.post("/users/bulk")
@people_managers_only
def preview_bulk() -> ResponseReturnValue:
    """Save a preview of the action and its users, and redirect to it. Nothing changes yet."""
    filters, notices = Filters.from_query(request.form)
    try:
        action, role = _action()
        is_everyone = request.form.get("everyone") == "1"
        if is_everyone and notices:
            # An ignored filter widens the list, and the action must not hit those extra users.
            raise _Unreadable(f"{notices[0]} Set the filter again, then choose what to do.")
        operation = bulk.preview(
            action.name,
            by=me(),
            user_ids=() if is_everyone else _user_ids(),
            filters=filters if is_everyone else None,
            role=role,
        )
    except _Unreadable as problem:
        flash(str(problem), "error")
    except bulk.NobodyChosen:
        flash("Nobody is selected: those people are gone, or nobody matches.", "error")
    except InvitationsClosed:
        flash("Invitations are closed by the settings of this app.", "error")
    else:
        return redirect(url_for("admin.bulk_operation", operation_id=operation.id))
    query: dict[str, Any] = filters.to_query()
    return redirect(url_for("admin.registered_users", **query))


def _action() -> tuple[Action, Role | None]:
    name, _, role_id = request.form.get("action", "").partition(":")
    action = bulk.ACTIONS.get(name)
    if action is None:
        raise _Unreadable("Choose an action for the selected people.")
    if not action.has_role:
        return action, None
    role = next((one for one in roles_service.assignable(me()) if str(one.id) == role_id), None)
    if role is None:
        raise _Unreadable("Choose one of the roles that you may give.")
    return action, role


def _user_ids() -> list[int]:
    given = request.form.getlist("user_ids")
    if not given:
        raise _Unreadable("Pick at least one person, or all that match.")
    if len(given) > bulk.MOST_PICKED:
        raise _Unreadable(
            f"Pick at most {bulk.MOST_PICKED:,} people by hand. For more, narrow the list and "
            "choose all that match."
        )
    numbers = [whole_number(one, HIGHEST_BIG_INTEGER) for one in given]
    if None in numbers:
        raise _Unreadable("The people who were picked could not be read. Pick them again.")
    return [one for one in numbers if one is not None and one <= HIGHEST_INTEGER]


# One operation


@admin.route("/users/bulk/<int:operation_id>", methods=["GET", "POST"])
@people_managers_only
def bulk_operation(operation_id: int) -> ResponseReturnValue:
    """Show the preview with its confirmation form; once confirmed, the progress and the result."""
    operation = _operation_or_404(operation_id)
    if operation.state == BulkState.PREVIEW:
        ask = _ask_freshly if bulk.ACTIONS[operation.action].requires_fresh_sign_in else _ask
        return ask(operation)
    if request.method == "POST":  # The form was submitted twice.
        return _back_to(operation)
    return render_template(
        "admin/bulk_operation.html",
        operation=operation,
        action=bulk.ACTIONS[operation.action],
        left_out=bulk.left_out(operation),
        reasons=bulk.REASONS,
        stop_reasons=bulk.STOP_REASONS,
        is_stalled=bulk.is_stalled(operation),
        is_own=operation.actor_id == me().id,
        at_once=bulk.AT_ONCE,
        live=is_live(),
    )


def _ask(operation: BulkOperation) -> ResponseReturnValue:
    action = bulk.ACTIONS[operation.action]
    form = BulkForm()
    if not action.has_reason:
        del form.reason
    if action.change.mail is None or action.needs_mail:
        del form.tell
    if operation.to_do and form.validate_on_submit():
        return _confirm(
            operation,
            reason=form.reason.data if form.reason else "",
            tell=form.tell.data if form.tell else True,
        )
    return render_template(
        "admin/bulk_preview.html",
        operation=operation,
        action=action,
        form=form,
        chosen_users=bulk.chosen_users(operation),
        left_out=bulk.left_out(operation),
        reasons=bulk.REASONS,
        is_short=bulk.is_short(operation),
        at_once=bulk.AT_ONCE,
    )


_ask_freshly = fresh_sign_in_required(_ask)


def _confirm(operation: BulkOperation, *, reason: str, tell: bool) -> ResponseReturnValue:
    try:
        bulk.confirm(operation, by=me(), reason=reason, tell=tell)
        if bulk.is_short(operation):
            bulk.run_some(operation.id)
    except bulk.NotOpen:
        flash("This was confirmed already.", "info")
    except bulk.QueueAway:
        pass  # The page of the operation says so while it lasts.
    return _back_to(operation)


@admin.route("/users/bulk/<int:operation_id>/continue", methods=["GET", "POST"])
@people_managers_only
@fresh_sign_in_required
def continue_bulk(operation_id: int) -> ResponseReturnValue:
    """Resume an operation, in the worker or with a batch of users during the request."""
    operation = _operation_or_404(operation_id)
    if request.method == "GET":  # The password prompt redirects back with a GET.
        return _back_to(operation)
    try:
        if request.form.get("here") == "1" or operation.remaining <= bulk.AT_ONCE:
            bulk.begin_again(operation, by=me())
            bulk.run_some(operation.id)
        else:
            bulk.go_on(operation, by=me())
    except bulk.NotOpen:
        flash(
            "There is nothing to continue: the bulk change has ended, or was never confirmed.",
            "info",
        )
    except bulk.NotYours:
        flash("Only the administrator who confirmed the bulk change can continue it.", "error")
    except bulk.QueueAway:
        pass  # The page of the operation says so while it lasts.
    return _back_to(operation)


@admin.post("/users/bulk/<int:operation_id>/stop")
@people_managers_only
def stop_bulk(operation_id: int) -> ResponseReturnValue:
    operation = _operation_or_404(operation_id)
    try:
        bulk.stop(operation, by=me())
        flash("The bulk change is stopped. Finished changes stay.", "success")
    except bulk.NotOpen:
        flash("The bulk change has already ended.", "info")
    return _back_to(operation)


@admin.get("/users/bulk/<int:operation_id>/results.csv")
@people_managers_only
@fresh_sign_in_required
def bulk_results(operation_id: int) -> ResponseReturnValue:
    operation = _operation_or_404(operation_id)
    return csv_file(
        f"people-{operation.action.replace('_', '-')}-{operation.id}.csv",
        lambda: stream_with_context(chain([BYTE_ORDER_MARK], bulk.result_file(operation, by=me()))),
    )


def _operation_or_404(operation_id: int) -> BulkOperation:
    operation = db.get_or_404(BulkOperation, operation_id)
    return operation if operation.is_shown_to(me().id) else abort(404)


def _back_to(operation: BulkOperation) -> Any:
    return redirect(url_for("admin.bulk_operation", operation_id=operation.id))
