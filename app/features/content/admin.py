"""The admin view that saves an edited page."""

from flask import abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import permission_required
from app.features.content import pages
from app.features.content.forms import EditorForm
from app.models import Permission
from app.sign_in import me


@admin.post("/_update_editor_contents")
@permission_required(Permission.MANAGE_CONTENT)
def update_editor_contents() -> ResponseReturnValue:
    """Save an editable piece of a page."""
    form = EditorForm()
    if not form.validate_on_submit():
        abort(400)
    pages.save(form.editor_name.data, form.edit_data.data or "", by=me())
    flash("The page is saved.", "success")
    return redirect(url_for("main.about"))
