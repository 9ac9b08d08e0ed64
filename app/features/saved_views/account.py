"""The pages on which users save, change and delete views of lists."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from werkzeug.datastructures import MultiDict
from werkzeug.routing import BuildError

from app.account import account
from app.features.saved_views import services
from app.features.saved_views.forms import ChangeViewForm, DeleteViewForm, SavedViewForm
from app.features.saved_views.models import SavedView
from app.features.saved_views.services import ListTooLong, TooManyViews, ViewGone, ViewNameTaken
from app.kit.tables import asked as reading
from app.kit.tables import table as tables
from app.kit.tables.asked import Asked
from app.kit.tables.table import Table
from app.kit.web.gates import open_to
from app.kit.web.redirects import next_url
from app.kit.web.restrict import may_open
from app.kit.web.table_pages import needs_permission
from app.sign_in import me

TAKEN = "You have a view with this name. Choose another name."
FULL = f"You have {services.MOST} views of this list. Delete one first."
TOO_LONG = "This list has too many filters to be saved. Remove some of them."
GONE = "The view was deleted meanwhile."


@dataclass(frozen=True)
class OpenList:
    """The list from which the user came. Its URL is the parameter `list`."""

    table: Table
    url: str

    @property
    def path(self) -> str:
        return self.url.partition("?")[0]

    @property
    def asked(self) -> Asked:
        return reading.read(self.table, MultiDict(parse_qsl(self.url.partition("?")[2])))


@account.route("/views/new", methods=["GET", "POST"])
@login_required
@open_to("impersonating")
def save_view() -> ResponseReturnValue:
    opened = _open_list(request.args.get("table", ""))
    form = SavedViewForm()
    if not _may_share(opened.table):
        del form.is_shared
    if form.validate_on_submit():
        try:
            view = services.create(opened.asked, form.values, by=me())
        except ViewNameTaken:
            form.name.errors = [TAKEN]
        except TooManyViews:
            flash(FULL, "form-error")
        except ListTooLong:
            flash(TOO_LONG, "form-error")
        else:
            flash(f"The view “{view.name}” is saved.", "success")
            return redirect(f"{opened.path}?{view.query}")
    return render_template("account/saved_view.html", form=form, opened=opened, title="Save view")


@account.route("/views/<int:view_id>", methods=["GET", "POST"])
@login_required
@open_to("impersonating")
def change_view(view_id: int) -> ResponseReturnValue:
    view = services.find_own(view_id, me()) or abort(404)
    opened = _open_list(view.endpoint)
    form = ChangeViewForm()
    if services.query_of(opened.asked) == view.query:
        del form.takes_list
    if not view.is_shared and not _may_share(opened.table):
        del form.is_shared
    if not form.is_submitted():
        form.show(view)
    elif form.validate():
        return _change(form, opened, view) or _page(form, opened, view, "Change the view")
    return _page(form, opened, view, "Change the view")


def _change(form: ChangeViewForm, opened: OpenList, view: SavedView) -> ResponseReturnValue | None:
    """Change a view and return a redirect. On errors, attach them to the form and return None."""
    takes_list = form.takes_list is not None and form.takes_list.data
    try:
        services.change(view, form.values, by=me(), asked=opened.asked if takes_list else None)
    except ViewNameTaken:
        form.name.errors = [TAKEN]
    except ListTooLong:
        flash(TOO_LONG, "form-error")
    except ViewGone:
        flash(GONE, "error")
        return redirect(opened.url)
    else:
        flash("The view is saved.", "success")
        return redirect(f"{opened.path}?{view.query}")
    return None


@account.route("/views/<int:view_id>/delete", methods=["GET", "POST"])
@login_required
@open_to("impersonating")
def delete_view(view_id: int) -> ResponseReturnValue:
    """Delete a view. GET asks for confirmation, POST deletes it."""
    view = services.find_deletable(view_id, me()) or abort(404)
    opened = _open_list(view.endpoint)
    form = DeleteViewForm()
    if not form.validate_on_submit():
        return _page(form, opened, view, "Delete the view")
    name = view.name
    try:
        services.delete(view, by=me())
    except ViewGone:
        flash(GONE, "error")
    else:
        flash(f"The view “{name}” is deleted.", "success")
    return redirect(opened.url)


def _page(
    form: ChangeViewForm | DeleteViewForm, opened: OpenList, view: SavedView, title: str
) -> ResponseReturnValue:
    return render_template(
        "account/saved_view.html", form=form, opened=opened, view=view, title=title
    )


def _may_share(table: Table) -> bool:
    return services.may_share(me(), is_for_all=not needs_permission(table))


def _open_list(endpoint: str) -> OpenList:
    """Return the list from which the user came, or 404 if they may not open the table."""
    table = next((one for one in tables.declared() if one.endpoint == endpoint), None)
    if table is None or not may_open(endpoint):
        abort(404)
    try:
        usual = url_for(endpoint)
    except BuildError:  # The page of the table needs to know which thing its rows belong to.
        usual = url_for("account.index")
    return OpenList(table, next_url(request.args.get("list"), usual))
