"""The forms of posts, comments and profiles."""

from typing import Any

from wtforms import StringField, SubmitField, TextAreaField
from wtforms.validators import DataRequired, Length

from app.features.blog.models import (
    ABOUT_LENGTH,
    COMMENT_LENGTH,
    LOCATION_LENGTH,
    POST_LENGTH,
)
from app.kit.user_input import visible
from app.kit.web.forms import BaseForm, cut, strip

MARKDOWN = "You can use Markdown: **bold**, *italic*, `code`, > quotes, lists and links."


def text_field(label: str, *validators: Any, most: int, rows: int, help_text: str) -> TextAreaField:
    return TextAreaField(
        label,
        # Strip invisible characters instead of refusing text that was pasted with them.
        filters=[visible, strip],
        validators=[*validators, Length(max=most, message="Use at most %(max)d characters.")],
        description=help_text,
        render_kw={"rows": rows, "maxlength": most},
    )


class PostForm(BaseForm):
    body = text_field(
        "Your post",
        DataRequired("Write something."),
        most=POST_LENGTH,
        rows=4,
        help_text=MARKDOWN,
    )
    submit = SubmitField("Publish")


class CommentForm(BaseForm):
    body = text_field(
        "Your comment",
        DataRequired("Write something."),
        most=COMMENT_LENGTH,
        rows=3,
        help_text=MARKDOWN,
    )
    submit = SubmitField("Comment")


class MemberProfileForm(BaseForm):
    location = StringField(
        "Where you are",
        filters=[visible, cut(LOCATION_LENGTH)],
        validators=[Length(max=LOCATION_LENGTH, message="Use at most %(max)d characters.")],
        render_kw={"maxlength": LOCATION_LENGTH},
    )
    about = text_field("About you", most=ABOUT_LENGTH, rows=6, help_text=MARKDOWN)
    submit = SubmitField("Save profile")
