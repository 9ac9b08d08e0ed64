"""Let administrators ask for the data of a user."""

from app.kit import slots
from app.models import User


@slots.user_action(
    "admin.collect_user_data",
    "Collect",
    place="manage",
    order=90,
    heading="Own data",
    text="They get a mail, and download it themselves.",
    hidden="the data",
    skips_self=False,
)
def may_collect(_user: User, by: User) -> bool:
    return by.impersonator is None
