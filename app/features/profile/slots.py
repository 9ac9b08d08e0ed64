"""Show pictures in the place of initials, and times in the zone of the reader."""

from collections.abc import Collection, Mapping

from flask_login import current_user

from app.features.profile.services import pictures
from app.kit import slots
from app.models import User

slots.account_row("partials/_profile.html")


@slots.user_pictures
def find_pictures(ids: Collection[int]) -> Mapping[int, str]:
    return pictures.find(ids, reader=current_user)


@slots.reader_times
def times_of_reader() -> tuple[str, str] | None:
    profile = current_user.profile if current_user.is_authenticated else None
    return (profile.time_zone, profile.date_format) if profile else None


@slots.user_action(
    "admin.remove_user_picture",
    "Remove",
    place="manage",
    order=15,
    heading="Picture",
    text="Shows their initials in its place.",
    hidden="the picture",
    skips_self=False,
)
def may_remove_picture(user: User, _by: User) -> bool:
    return pictures.has_picture(user)
