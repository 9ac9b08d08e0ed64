"""The form of the editor."""

from wtforms import StringField, TextAreaField
from wtforms.validators import Length, Regexp

from app.features.content.pages import NAME
from app.kit.user_input import visible
from app.kit.web.forms import BaseForm

LARGEST_PAGE = 200_000  # characters


class EditorForm(BaseForm):
    editor_name = StringField(validators=[Regexp(rf"{NAME.pattern}\Z")])
    # Strip invisible characters instead of refusing text that was pasted with them.
    edit_data = TextAreaField(filters=[visible], validators=[Length(max=LARGEST_PAGE)])
