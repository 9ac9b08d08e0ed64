"""Show pictures in the place of initials, and let administrators remove them."""

from collections.abc import Collection, Mapping

from flask_login import current_user

from app.features.profile.services import pictures
from app.kit import slots
from app.models import User

slots.account_row("partials/_picture.html")


@slots.user_pictures
def find_pictures(ids: Collection[int]) -> Mapping[int, str]:
    return pictures.find(ids, reader=current_user)


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
