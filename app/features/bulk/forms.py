"""The form that confirms a bulk action."""

from wtforms import BooleanField, SubmitField, TextAreaField
from wtforms.validators import Length

from app.kit.web.forms import BaseForm


class BulkForm(BaseForm):
    """Confirm a bulk action. The view removes the fields that the action does not use."""

    reason = TextAreaField(
        "Reason",
        filters=[lambda text: text.strip() if text else ""],
        validators=[Length(max=500, message="Use at most %(max)d characters.")],
        description="For other administrators. The people are not shown it.",
        render_kw={"maxlength": 500, "rows": 3},
    )
    tell = BooleanField("Notify them by email", default=True)
    submit = SubmitField("Do it")
