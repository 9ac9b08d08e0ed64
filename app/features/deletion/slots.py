"""Plug deleting and restoring into the pages of users, and into changes that are chosen by name."""

from app.features.deletion.deletions import DELETE
from app.kit import slots
from app.kit.slots import user_action
from app.models import User
from app.services import user_changes

slots.account_row("partials/_delete_account.html", order=900)
user_changes.BY_NAME["delete"] = DELETE


@user_action(
    "admin.restore_user",
    "Restore",
    place="header",
    order=10,
    icon="arrow-counterclockwise",
    tone="primary",
    skips_self=False,
    of_deleted=True,
)
def may_restore(user: User, _by: User) -> bool:
    return user.is_deleted


@user_action(
    "admin.delete_user",
    "Delete",
    place="danger",
    order=20,
    heading="Delete",
    text="Can be restored for {RESTORE_DELETED_DAYS} days.",
    hidden="{name}",
    tone="outline-danger",
)
def may_delete(_user: User, _by: User) -> bool:
    return True
