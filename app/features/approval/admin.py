"""The queue of registrations, and the pages that approve and refuse one."""

from functools import wraps

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import form_page, name_of, to_user
from app.decorators import permission_required
from app.features.approval import approvals, tables
from app.features.approval.approvals import NotWaiting
from app.features.approval.forms import RefuseRegistrationForm
from app.kit.web import table_pages
from app.kit.web.operations.bulk_pages import add_pages
from app.kit.web.restrict import View
from app.models import Permission, User
from app.sign_in import me

managers_only = permission_required(Permission.MANAGE_USERS)
add_pages(admin, "/registrations", tables.registrations, managers_only, by=me)


@admin.get("/registrations")
@managers_only
def registrations() -> ResponseReturnValue:
    """List the users who wait for approval, the longest waiting first."""
    return table_pages.show(
        tables.registrations, template="admin/registrations.html", is_on=approvals.is_on()
    )


def leads_to_queue(view: View) -> View:
    """Redirect to the queue if somebody else decided on the registration first."""

    @wraps(view)
    def guarded(user: User) -> ResponseReturnValue:
        try:
            return view(user)
        except NotWaiting:
            flash(f"{name_of(user)} does not wait for approval any more.", "error")
            return redirect(url_for("admin.registrations"))

    return guarded


@admin.post("/user/<int:user_id>/approve-registration")
@managers_only
@to_user
@leads_to_queue
def approve_registration(user: User) -> ResponseReturnValue:
    approvals.approve_one(user, by=me())
    flash(f"{name_of(user)} is approved, and notified by email.", "success")
    return redirect(url_for("admin.registrations"))


@admin.route("/user/<int:user_id>/refuse-registration", methods=["GET", "POST"])
@managers_only
@to_user
@leads_to_queue
def refuse_registration(user: User) -> ResponseReturnValue:
    form = RefuseRegistrationForm()
    if form.validate_on_submit():
        approvals.refuse_one(user, by=me(), reason=form.reason.data)
        flash(f"{name_of(user)} is refused, and notified by email.", "success")
        return redirect(url_for("admin.registrations"))
    return form_page(
        user,
        form,
        title=f"Refuse {name_of(user)}",
        lead="They get the reason by email, and can no longer sign in.",
        points=("The account is suspended, and deleted later. You can reactivate it until then.",),
    )
