"""The admin pages of suppressed addresses."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import permission_required
from app.extensions import db
from app.features.bounces import services, tables
from app.features.bounces.forms import SuppressAddressForm
from app.features.bounces.models import SuppressedAddress
from app.features.bounces.services import AddressGone, AlreadySuppressed
from app.kit.web import table_pages
from app.kit.web.forms.confirmation import ask_to_confirm
from app.models import Permission
from app.services.policy import InsufficientPrivileges
from app.sign_in import me

job_managers_only = permission_required(Permission.MANAGE_JOBS)


@admin.get("/suppressed-addresses")
@job_managers_only
def suppressed_addresses() -> ResponseReturnValue:
    return table_pages.show(tables.addresses)


@admin.route("/suppressed-addresses/new", methods=["GET", "POST"])
@job_managers_only
def add_suppressed_address() -> ResponseReturnValue:
    form = SuppressAddressForm()
    if form.validate_on_submit():
        try:
            row = services.add(form.email.data or "", form.detail.data or "", by=me())
        except AlreadySuppressed:
            form.email.errors = ["No mail goes to this address already."]
        except InsufficientPrivileges:
            form.email.errors = ["The user with this address has permissions that you lack."]
        else:
            flash(f"No more mail goes to {row.email}.", "success")
            return redirect(url_for("admin.suppressed_addresses"))
    return render_template("admin/suppressed_address_form.html", form=form)


@admin.route("/suppressed-addresses/<int:address_id>/remove", methods=["GET", "POST"])
@job_managers_only
def remove_suppressed_address(address_id: int) -> ResponseReturnValue:
    back = url_for("admin.suppressed_addresses")
    row = db.get_or_404(SuppressedAddress, address_id)
    if page := ask_to_confirm(
        title=f"Allow mail to {row.email} again?",
        text="Do this once the mailbox works, or its owner wants mail. If the next mail comes back "
        "too, the address is suppressed again. The mail service may keep a list of its own.",
        button="Allow mail",
        back=back,
        trail=[(back, "Suppressed addresses")],
        danger=False,
    ):
        return page
    try:
        email = services.remove(address_id, by=me())
    except AddressGone:
        flash("The address is not in the list any more.", "info")
    else:
        flash(f"Mail goes to {email} again. Cancelled mails stay cancelled.", "success")
    return redirect(back)
