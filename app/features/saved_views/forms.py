"""The form of a saved view."""

from wtforms import BooleanField, SubmitField

from app.features.saved_views.models import SavedView
from app.features.saved_views.services import ViewValues
from app.kit.web.forms import BaseForm
from app.kit.web.forms.user_fields import name_field


class SavedViewForm(BaseForm):
    """The name of a new view, and who sees it."""

    name = name_field("Name", autocomplete="off")
    is_shared = BooleanField("Share with everyone who may open this list")
    is_start = BooleanField("Open the list with this view")
    submit = SubmitField("Save view")

    @property
    def values(self) -> ViewValues:
        """Return the input. Use it only after the form has been validated."""
        is_shared = bool(self.is_shared and self.is_shared.data)
        return ViewValues(self.name.data or "", is_shared, self.is_start.data)


class ChangeViewForm(SavedViewForm):
    """A view that is saved. It may take over the list as it is shown now."""

    takes_list = BooleanField("Replace its search, filters, order and columns by those shown now")
    submit = SubmitField("Save changes")

    def show(self, view: SavedView) -> None:
        """Fill in the values of a view."""
        self.name.data, self.is_start.data = view.name, view.is_start
        if self.is_shared:
            self.is_shared.data = view.is_shared


class DeleteViewForm(BaseForm):
    submit = SubmitField("Delete the view", render_kw={"class": "btn-danger"})
