"""Show pictures in the place of initials, and times in the zone of the reader."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app.features.profile.models import PICTURE
from app.features.profile.services import pictures, profiles
from app.kit import slots
from app.kit.mail.registry import mailed_picture
from app.models import User
from app.sign_in import me

slots.account_row("partials/_profile.html")


@slots.user_pictures
def find_pictures(ids: Collection[int]) -> Mapping[int, str]:
    return pictures.find(ids, reader=me())


@mailed_picture
def picture_for_mails(user: User) -> bytes:
    return pictures.jpeg_of(user)


@slots.reader_times
def times_of_reader() -> tuple[str, str] | None:
    user = me()
    profile = user.profile if user.is_authenticated else None
    return (profile.time_zone, profile.date_format) if profile else None


@slots.own_data("profile")
def profile_of(user: User) -> dict[str, Any] | None:
    profile = profiles.of(user)
    return {name: getattr(profile, name) for name in profiles.FACTS} if profile.user_id else None


@slots.own_files
def picture_of(user: User) -> Iterable[tuple[str, str]]:
    name = profiles.of(user).picture_name
    return [("picture.webp", f"{PICTURE}/{name}.256")] if name else []


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
