"""The page on which administrators close the site and open it again."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import admin_required, fresh_sign_in_required
from app.features.maintenance import site_mode
from app.features.maintenance.forms import MaintenanceForm
from app.features.maintenance.models import SiteMode
from app.kit.edit_conflicts import EditConflict
from app.kit.web.gates import open_to
from app.sign_in import me

SAVED = {
    SiteMode.OFF: "The site is open.",
    SiteMode.READ_ONLY: "The site is read-only.",
    SiteMode.CLOSED: "The site is closed. Only administrators get in.",
}


@admin.route("/maintenance", methods=["GET", "POST"])
@admin_required
@open_to("maintenance")
@fresh_sign_in_required
def maintenance() -> ResponseReturnValue:
    """Choose the mode of the site. It stays open in every mode, because it ends the maintenance."""
    form, conflict = MaintenanceForm(), None
    if form.validate_on_submit():
        wanted = form.values()
        try:
            site_mode.change(wanted, by=me(), seen=form.seen.data)
        except EditConflict as error:
            conflict = error
            form.note(site_mode.stored())  # The next submit overwrites the other change.
        else:
            flash(SAVED[wanted.mode], "success")
            return redirect(url_for("admin.maintenance"))
    elif not form.is_submitted():
        form.fill(site_mode.stored())
    page = render_template(
        "admin/maintenance.html",
        form=form,
        changed=conflict,
        yours=form.values().noted().items() if conflict else [],
    )
    return page, 409 if conflict else 200
