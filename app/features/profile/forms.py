"""The form of a picture."""

import re

from flask_wtf.file import FileField, FileRequired
from wtforms import HiddenField, SubmitField

from app.features.profile.services.images import NAMES, Crop
from app.kit.web.forms import BaseForm

# Three fractions, as the script of the page writes them: left, top, side.
CROP = re.compile(r"(?:0(?:\.\d{1,6})?|1)(?:,(?:0(?:\.\d{1,6})?|1)){2}")


class PictureForm(BaseForm):
    picture = FileField(
        "Picture",
        validators=[FileRequired("Choose a file.")],
        description=f"A {NAMES} file.",
        render_kw={
            "accept": "image/jpeg,image/png,image/webp,image/gif,image/avif",
            "required": True,
        },
    )
    crop = HiddenField(render_kw={"data-crop-value": True})
    submit = SubmitField("Save picture")

    @property
    def chosen(self) -> Crop:
        """The square that was chosen by dragging, or the one in the middle."""
        found = CROP.fullmatch(self.crop.data or "")
        return Crop(*map(float, found.group().split(","))) if found else Crop()
