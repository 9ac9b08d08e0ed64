"""The forms of a profile: its facts, and the picture."""

import re
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from flask import current_app
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, HiddenField, SelectField, StringField, SubmitField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional, Regexp

from app.features.profile.models import ABOUT_LENGTH, URL_LENGTH
from app.features.profile.services.images import NAMES, Crop
from app.features.profile.services.profiles import FACTS
from app.kit.names import NAME_LENGTH
from app.kit.web.forms import BaseForm, cut
from app.kit.web.forms.fields import URL
from app.kit.web.forms.user_fields import Name, normalise

FORMATS = {
    "": "28 November 2026",
    "month_first": "November 28, 2026",
    "iso": "2026-11-28",
    "dots": "28.11.2026",
    "slashes": "28/11/2026",
}
# Names without a region are older names of others, or offsets with a sign that misleads.
REGIONS = {
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe"),
    *("Indian", "Pacific"),
}


# Three fractions, as the script of the page writes them: left, top, side.
CROP = re.compile(r"(?:0(?:\.\d{1,6})?|1)(?:,(?:0(?:\.\d{1,6})?|1)){2}")


@cache
def time_zones() -> tuple[SelectChoice, ...]:
    """Return the time zones that the machine knows, below their regions.

    Python opens 600 files to list them, which takes 9 ms.
    """
    parts = (name.partition("/") for name in sorted(available_timezones()))
    places = [
        SelectChoice(f"{region}/{place}", place.replace("_", " "), optgroup=region)
        for region, _, place in parts
        if region in REGIONS
    ]
    return SelectChoice("", "UTC"), *places


def line_field(label: str, *, autocomplete: str, **options: Any) -> StringField:
    """Return an optional field for a line without a link."""
    return StringField(
        label,
        filters=[cut(4 * NAME_LENGTH), normalise, lambda value: value or ""],
        validators=[
            Optional(),
            Length(max=NAME_LENGTH, message="Use at most %(max)d characters."),
            Name(),
        ],
        render_kw={"autocomplete": autocomplete, "maxlength": NAME_LENGTH},
        **options,
    )


class ProfileForm(BaseForm):
    display_name = line_field(
        "Display name",
        autocomplete="nickname",
        description="Shown on your page in place of your name.",
    )
    about = TextAreaField(
        "About you",
        filters=[cut(ABOUT_LENGTH), lambda value: (value or "").replace("\r\n", "\n")],
        validators=[Length(max=ABOUT_LENGTH, message="Use at most %(max)d characters.")],
        render_kw={"maxlength": ABOUT_LENGTH, "rows": 4},
    )
    location = line_field("Location", autocomplete="address-level2")
    website = StringField(
        "Website",
        filters=[cut(URL_LENGTH), lambda value: value or ""],
        validators=[
            Optional(),
            Length(max=URL_LENGTH, message="Use at most %(max)d characters."),
            Regexp(URL, message="Enter a URL like https://example.com/page."),
        ],
        render_kw={"type": "url", "autocomplete": "url", "maxlength": URL_LENGTH},
    )
    time_zone = SelectField(
        "Time zone",
        choices=time_zones,
        description="Times are shown in this zone, and in UTC when you point at them.",
    )
    date_format = SelectField("Dates", choices=[SelectChoice(*each) for each in FORMATS.items()])
    is_public = BooleanField("Show a page about me to everyone")
    submit = SubmitField("Save profile")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if not current_app.config["MEMBER_PAGES"]:
            del self.is_public

    @property
    def facts(self) -> dict[str, str | bool]:
        return {field.name: field.data for field in self if field.name in FACTS}


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
